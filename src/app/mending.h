// `repair` and `dlq replay` on the services of one data directory, whether its platform runs (then
// in that process, asked through the control socket) or not.
//
// Thread: any; one repair or replay runs at a time in a process, others wait. Across processes the
// lock of the data directory sees to that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/embedded_services.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/platform.h"
#include "pipeline/letter_replay.h"
#include "pipeline/repair.h"

namespace freshet::app {

/// Of one pipeline, or of all if `name` is none.
Result<std::vector<pipeline::RepairReport>> repair_pipelines(const config::Platform& platform,
                                                             const std::optional<std::string>& name,
                                                             EmbeddedServices& services,
                                                             bool dry_run);

Result<pipeline::ReplayReport> replay_pipeline(const config::Platform& platform,
                                               const std::string& name, EmbeddedServices& services,
                                               const pipeline::LetterFilter& filter, bool dry_run);

[[nodiscard]] std::string to_json(const std::vector<pipeline::RepairReport>& reports);

/// A filter as the query of a request, and back. kInvalidArgument names the parameter.
[[nodiscard]] std::map<std::string, std::string> filter_query(const pipeline::LetterFilter& filter);
Result<pipeline::LetterFilter> filter_of_query(const std::map<std::string, std::string>& query);

/// "2026-11-01T00:00:00Z", "2026-11-01", or "15m", "2h", "7d" before now.
Result<WallMillis> parse_filter_time(const std::string& text, const Clock& clock);

}  // namespace freshet::app
