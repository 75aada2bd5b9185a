#include "api/running_statements.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <string>

#include "warehouse/clickhouse_error.h"

namespace freshet::api {
namespace {

TEST(RunningStatements, an_id_runs_once_at_a_time) {
  RunningStatements all([](std::string_view) -> Result<void> { return {}; });
  auto first = all.enter("a");
  ASSERT_TRUE(first);
  const auto second = all.enter("a");
  ASSERT_FALSE(second);
  EXPECT_EQ(warehouse::clickhouse_code(second.error()), 216);
  EXPECT_TRUE(all.enter("b"));
  first->reset();
  EXPECT_TRUE(all.enter("a"));
  EXPECT_EQ(all.size(), 0U);
}

TEST(RunningStatements, cancels_by_id_until_the_statement_has_left) {
  std::atomic<int> asked = 0;
  std::string tag;
  RunningStatements all([&](std::string_view killed) -> Result<void> {
    EXPECT_EQ(killed, tag);
    ++asked;
    asked.notify_all();
    return {};
  });
  auto entry = all.enter("a");
  ASSERT_TRUE(entry);
  tag = (*entry)->tag();
  EXPECT_FALSE((*entry)->cancelled());
  EXPECT_EQ(all.cancel("b"), 0U);
  EXPECT_EQ(all.cancel("a"), 1U);
  EXPECT_TRUE((*entry)->cancelled());
  // The first rounds find nothing in the engine; they go on.
  for (int seen = asked; seen < 3; seen = asked) asked.wait(seen);
  entry->reset();
  all.stop();
  const int at_end = asked;
  all.cancel_all();
  EXPECT_EQ(asked, at_end);
}

TEST(RunningStatements, only_a_statement_that_reads_ends_with_its_client) {
  RunningStatements all([](std::string_view) -> Result<void> { return {}; });
  const auto writes = all.enter("writes");
  const auto reads = all.enter("reads");
  const auto too_late = all.enter("too late");
  (*reads)->only_reads();
  for (const auto* entry : {&writes, &reads, &too_late}) all.client_gone((**entry)->number());
  (*too_late)->only_reads();
  EXPECT_FALSE((*writes)->cancelled());
  EXPECT_TRUE((*reads)->cancelled());
  EXPECT_TRUE((*too_late)->cancelled());
  all.cancel_all();
  EXPECT_TRUE((*writes)->cancelled());
  EXPECT_FALSE(all.enter("after the end"));
}

TEST(RunningStatements, a_statement_does_not_leave_while_it_is_being_ended) {
  std::latch asked(1);
  std::latch answer(1);
  RunningStatements all([&](std::string_view) -> Result<void> {
    if (!asked.try_wait()) asked.count_down();
    answer.wait();
    return {};
  });
  auto entry = all.enter("a");
  ASSERT_TRUE(entry);
  all.cancel("a");
  asked.wait();
  auto left = std::async(std::launch::async, [&] { entry->reset(); });
  EXPECT_EQ(left.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  answer.count_down();
  left.wait();
  EXPECT_EQ(all.size(), 0U);
}

}  // namespace
}  // namespace freshet::api
