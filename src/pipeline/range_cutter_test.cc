#include "pipeline/range_cutter.h"

#include <gtest/gtest.h>

#include <vector>

namespace freshet::pipeline {
namespace {

using std::chrono::milliseconds;

struct Step {
  BatchExtent batch;
  int64_t records;
  bool whole;
  bool full;
};

BatchExtent batch(int64_t first, int64_t last, int64_t records, size_t bytes) {
  return {.first = Offset(first), .last = Offset(last), .records = records, .bytes = bytes};
}

TEST(RangeCutter, ends_at_batch_boundaries_unless_one_batch_is_too_large) {
  const RangeLimits limits{.rows = 100, .bytes = 1000, .after = milliseconds(100)};
  const struct {
    const char* name;
    std::vector<Step> steps;
  } cases[] = {
      {"rows fill up exactly",
       {{batch(0, 59, 60, 10), 60, true, false}, {batch(60, 99, 40, 10), 40, true, true}}},
      {"the next batch would be too many rows",
       {{batch(0, 59, 60, 10), 60, true, false}, {batch(60, 119, 60, 10), 0, false, true}}},
      {"the next batch would be too many bytes",
       {{batch(0, 9, 10, 600), 10, true, false}, {batch(10, 19, 10, 600), 0, false, true}}},
      {"bytes fill up exactly", {{batch(0, 9, 10, 1000), 10, true, true}}},
      {"one batch with too many rows is cut inside", {{batch(0, 249, 250, 10), 100, false, true}}},
      {"one batch with too many bytes is cut inside", {{batch(0, 9, 10, 4000), 2, false, true}}},
      {"one huge record is taken alone", {{batch(0, 0, 1, 1 << 20), 1, true, true}}},
      {"a large record after others waits",
       {{batch(0, 0, 1, 10), 1, true, false}, {batch(1, 1, 1, 1 << 20), 0, false, true}}},
      {"gaps left by compaction do not count",
       {{batch(0, 999, 3, 10), 3, true, false}, {batch(5000, 6000, 97, 10), 97, true, true}}},
      {"an empty batch is taken with its positions",
       {{batch(0, 99, 0, 61), 0, true, false}, {batch(100, 100, 1, 70), 1, true, false}}},
  };
  for (const auto& c : cases) {
    RangeCutter cutter(limits, Offset(0));
    for (const auto& step : c.steps) {
      const auto verdict = cutter.offer(step.batch);
      EXPECT_EQ(verdict.records, step.records) << c.name;
      EXPECT_EQ(verdict.whole, step.whole) << c.name;
      EXPECT_EQ(verdict.full, step.full) << c.name;
    }
  }
}

TEST(RangeCutter, is_due_at_once_when_behind_and_by_time_when_in_step) {
  const RangeLimits limits{.rows = 100, .bytes = 1000, .after = milliseconds(100)};
  const SteadyTime t0(std::chrono::hours(1));
  const struct {
    int64_t positions;
    double bytes_per_position;
    SteadyTime due;
  } cases[] = {
      {0, 10, SteadyTime::max()},
      {1, 10, t0 + milliseconds(100)},
      {99, 10, t0 + milliseconds(100)},
      {100, 1, t0},
      {50, 20, t0},
      {50, 19, t0 + milliseconds(100)},
      {99, 0, t0 + milliseconds(100)},
  };
  for (const auto& c : cases) {
    const Backlog backlog{c.positions, c.bytes_per_position, t0};
    EXPECT_EQ(cut_due(limits, backlog), c.due) << c.positions << " x " << c.bytes_per_position;
  }
}

}  // namespace
}  // namespace freshet::pipeline
