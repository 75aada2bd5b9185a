// The proof as a user sees it: one row per pipeline, then what is not exact, place by place.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/listing.h"
#include "app/progress_report.h"
#include "pipeline/status.h"
#include "pipeline/verify.h"

namespace freshet::app {

/// Rates and latencies that `verify` alone does not know.
struct RunFigures {
  std::vector<pipeline::PipelineStatus> statuses;
  std::map<std::string, PipelinePace> paces;
};

[[nodiscard]] bool all_exact(const std::vector<pipeline::PipelineVerdict>& verdicts);

/// Table: headings, rows and findings. JSON and NDJSON: pipeline::to_json() of each.
[[nodiscard]] std::string print_verdicts(const std::vector<pipeline::PipelineVerdict>& verdicts,
                                         const RunFigures* figures, OutputFormat format);

}  // namespace freshet::app
