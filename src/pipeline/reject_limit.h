// When so many records do not fit that going on would do harm: `dlq: { max_count, max_rate }`.
//
// A range is admitted before anything of it is written, and counted once. A range that is not
// admitted stops the pipeline: nothing of it has landed and no letter was written, so the next
// start takes it up again, with mended settings or a higher limit.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "base/error.h"
#include "config/platform.h"

namespace freshet::pipeline {

class RejectLimit {
 public:
  /// Records that the rate is judged on, at least: fewer say nothing.
  static constexpr uint64_t kRateRecords = 1000;

  RejectLimit(const config::DeadLetterLimits& limits, std::string pipeline)
      : limits_(limits), pipeline_(std::move(pipeline)) {}

  /// Counts `records`, of which `rejects` do not fit. kRefused, with how to go on, and nothing is
  /// counted, if a limit would be exceeded.
  Result<void> admit(uint64_t records, uint64_t rejects);
  /// One record that was admitted as good turned out to be refused by the destination.
  Result<void> admit_refused();

 private:
  struct Counted {
    uint64_t records = 0;
    uint64_t rejects = 0;
  };
  [[nodiscard]] std::unexpected<Error> stop(const std::string& what, const std::string& key,
                                            const std::string& limit) const;

  const config::DeadLetterLimits limits_;
  const std::string pipeline_;
  std::mutex mutex_;  // guards what follows
  uint64_t rejects_ = 0;
  std::deque<Counted> last_;  // admissions read last: kRateRecords, and not one more than needed
  Counted in_last_;           // their sum
};

}  // namespace freshet::pipeline
