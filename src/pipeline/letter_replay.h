// `dlq replay`: brings dead letters into the table after the schema, `columns:` or the table was
// mended. Each lands once, at its own topic, partition and offset, however often the replay is
// killed and run again: row_mender.h.
//
// A letter that still does not fit stays a letter; a further one with the new reason and the next
// attempt number is written. Letters are left alone whose offset the group has not confirmed yet,
// or whose topic was deleted since.
//
// Memory: about 100 bytes a letter, and the records of one batch.
// Thread: blocks; one replay or repair of a pipeline at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/dead_letters.h"
#include "pipeline/verify.h"

namespace freshet::pipeline {

/// Which letters; what is not set does not matter.
struct LetterFilter {
  std::optional<std::string> reason;  // such as "wrong_type"
  std::optional<std::string> path;
  std::optional<std::string> topic;  // of origin
  std::optional<int32_t> partition;  // of origin
  std::optional<WallMillis> since;   // when it was rejected
  std::optional<WallMillis> until;   // exclusive

  [[nodiscard]] bool matches(const DeadLetterOrigin& letter, WallMillis rejected) const;
};

struct ReplayReport {
  std::string pipeline;
  bool dry_run = false;
  uint64_t open = 0;      // letters that were not replayed, of all
  uint64_t selected = 0;  // of them
  uint64_t finished = 0;  // rows of replays that had died half-way, completed first
  uint64_t landed = 0;    // dry run: would land, as far as decoding tells
  uint64_t left = 0;      // still do not fit
  std::map<std::string, uint64_t> reasons;  // of those left
  uint64_t not_confirmed = 0;
  uint64_t other_topic = 0;  // of a topic of that name that was deleted
};

/// {"pipeline","dry_run","open","selected","finished","landed","left","reasons":{…},
/// "not_confirmed","other_topic"}. One line.
[[nodiscard]] std::string to_json(const ReplayReport& report);

/// kUnsupported for a table without provenance columns.
Result<ReplayReport> replay_letters(const VerifyInput& input, const LetterFilter& filter,
                                    bool dry_run, const Clock& clock);

}  // namespace freshet::pipeline
