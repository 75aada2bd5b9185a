#include "broker/storage/apply_stage.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace freshet::broker {
namespace {

class RunningApplyStage : public ::testing::Test {
 protected:
  void SetUp() override { stage_.start(); }
  void TearDown() override { stage_.stop(); }
  ApplyStage stage_;
};

TEST_F(RunningApplyStage, brief_work_runs_at_once_when_nothing_is_under_way) {
  std::thread::id ran_on;
  stage_.give([&] { ran_on = std::this_thread::get_id(); }, /*brief=*/true);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(RunningApplyStage, long_work_runs_beside_the_giver) {
  std::promise<void> begun;
  std::promise<void> go_on;
  stage_.give(
      [&] {
        begun.set_value();
        go_on.get_future().wait();
      },
      /*brief=*/false);
  begun.get_future().wait();
  go_on.set_value();
  stage_.drain();
}

TEST_F(RunningApplyStage, order_is_kept_and_brief_work_does_not_overtake) {
  std::vector<int> order;
  std::promise<void> go_on;
  stage_.give(
      [&] {
        go_on.get_future().wait();
        order.push_back(1);
      },
      /*brief=*/false);
  stage_.give([&] { order.push_back(2); }, /*brief=*/true);
  EXPECT_TRUE(order.empty());
  go_on.set_value();
  stage_.give([&] { order.push_back(3); }, /*brief=*/false);
  stage_.drain();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ApplyStage, stop_does_what_was_given) {
  ApplyStage stage;
  stage.start();
  int done = 0;
  for (int i = 0; i < 100; ++i) stage.give([&] { ++done; }, /*brief=*/i % 3 == 0);
  stage.stop();
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace freshet::broker
