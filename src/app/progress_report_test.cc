#include "app/progress_report.h"

#include <gmock/gmock.h>

namespace freshet::app {
namespace {

using testing::HasSubstr;

TEST(ProgressLine, says_how_old_the_newest_landed_record_is) {
  pipeline::PipelineStatus status;
  status.name = "events";
  status.rows = 640'000;
  status.lag_records = 12'345;
  status.lag_seconds = 0.21;
  const std::string line = progress_line(status, {.records_per_second = 800'000}, 0);
  EXPECT_THAT(line, HasSubstr("800,000 ev/s"));
  EXPECT_THAT(line, HasSubstr("lag 12,345 (0.2 s)"));
}

TEST(ProgressLine, does_not_call_a_lag_of_unknown_age_zero_seconds) {
  pipeline::PipelineStatus status;
  status.lag_records = 12'345;
  status.lag_seconds = std::nullopt;
  EXPECT_THAT(progress_line(status, {}, std::nullopt), HasSubstr("lag 12,345 (- s)"));
  EXPECT_THAT(pipeline::to_json(status), HasSubstr("\"lag_seconds\":null,"));
  EXPECT_THAT(progress_line({}, {}, std::nullopt), HasSubstr("lag 0 (0.0 s)"));
}

TEST(ProgressLine, says_why_nothing_moves) {
  pipeline::PipelineStatus status;
  status.lag_records = 10;
  status.breaker = "open";
  status.breaker_reason = "too_many_parts";
  EXPECT_THAT(progress_line(status, {}, std::nullopt),
              HasSubstr("destination in trouble: too_many_parts"));
  status.state = pipeline::PipelineState::kPaused;
  EXPECT_THAT(progress_line(status, {}, std::nullopt), HasSubstr("paused"));
}

}  // namespace
}  // namespace freshet::app
