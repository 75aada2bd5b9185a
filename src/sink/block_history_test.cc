#include "sink/block_history.h"

#include <gtest/gtest.h>

namespace freshet::sink {
namespace {

TEST(BlockHistory, a_table_nobody_looked_at_may_have_got_all_its_blocks_since) {
  EXPECT_EQ(BlockHistory().landed_since(1000, 70), 70U);
}

TEST(BlockHistory, blocks_seen_before_the_time_do_not_count) {
  BlockHistory history;
  history.saw(900, 50);
  history.saw(1000, 60);  // the same second: before or after, nobody knows
  EXPECT_EQ(history.landed_since(1000, 70), 20U);
  EXPECT_EQ(history.landed_since(1001, 70), 10U);
  EXPECT_EQ(history.landed_since(900, 70), 70U);
}

TEST(BlockHistory, what_was_learned_before_a_merge_is_kept) {
  BlockHistory history;
  history.saw(900, 50);   // a small part, gone in the merge
  history.saw(1100, 50);  // the merged part: the same blocks, a younger file
  EXPECT_EQ(history.landed_since(1000, 52), 2U);
}

TEST(BlockHistory, a_clock_that_was_set_back_only_makes_the_answer_larger_or_equal) {
  BlockHistory history;
  history.saw(2000, 50);
  history.saw(1500, 60);  // the clock went back; at "2000" block 60 was there too
  EXPECT_EQ(history.landed_since(1600, 70), 10U);
  EXPECT_EQ(history.landed_since(2100, 70), 10U);
  EXPECT_EQ(history.landed_since(1400, 70), 70U);
}

TEST(BlockHistory, dropped_parts_leave_fewer_blocks_than_were_seen) {
  BlockHistory history;
  history.saw(900, 50);
  EXPECT_EQ(history.landed_since(1000, 40), 0U);
}

TEST(BlockHistory, the_oldest_points_go_first) {
  BlockHistory history;
  for (int64_t t = 1; t <= 2 * static_cast<int64_t>(BlockHistory::kPointsMax); ++t) {
    history.saw(t, static_cast<uint64_t>(t));
  }
  const auto last = static_cast<int64_t>(2 * BlockHistory::kPointsMax);
  EXPECT_EQ(history.landed_since(last, 2000), 2000U - (static_cast<uint64_t>(last) - 1));
  EXPECT_EQ(history.landed_since(5, 2000), 2000U);  // forgotten: all of them
}

}  // namespace
}  // namespace freshet::sink
