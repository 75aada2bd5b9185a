#include "app/source_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>

namespace freshet::app {
namespace {

using kafka::Assigned;
using kafka::GroupEvent;
using kafka::Lost;
using kafka::Revoked;
using std::chrono::milliseconds;

const TopicPartition kToken{"events", 0};
const TopicPartition kOther{"events", 1};

/// What a group would say, told by a test.
class Script {
 public:
  void say(Result<GroupEvent> event) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
  }
  std::mutex mutex;
  std::deque<Result<GroupEvent>> events;
  std::atomic<int> told{0};  // polls that came back after the last event was handled
  std::atomic<bool> left{false};
};

class ScriptedGroup final : public kafka::GroupConsumer {
 public:
  explicit ScriptedGroup(Script& script) : script_(script) {}
  Result<GroupEvent> poll(milliseconds) override {
    const std::lock_guard lock(script_.mutex);
    if (script_.events.empty()) {
      ++script_.told;
      return GroupEvent();
    }
    auto event = std::move(script_.events.front());
    script_.events.pop_front();
    return event;
  }
  Result<void> leave() override {
    script_.left = true;
    return {};
  }
  Result<kafka::FetchedBatches> fetch(const TopicPartition&, Offset, size_t,
                                      milliseconds) override {
    return fail(Errc::kUnsupported, "not read");
  }
  Result<kafka::PartitionBounds> bounds(const TopicPartition&) override {
    return fail(Errc::kUnsupported, "not read");
  }
  Result<Offset> offset_at(const TopicPartition&, milliseconds) override {
    return fail(Errc::kUnsupported, "not read");
  }
  Result<void> commit(std::span<const kafka::OffsetCommit>) override {
    return fail(Errc::kUnsupported, "not committed");
  }
  Result<std::vector<kafka::AssignedPartition>> committed(
      std::span<const TopicPartition>) override {
    return fail(Errc::kUnsupported, "not committed");
  }
  [[nodiscard]] std::string group() const override { return "turns"; }
  [[nodiscard]] std::string member_id() const override { return "m"; }
  [[nodiscard]] int32_t generation() const override { return 1; }

 private:
  Script& script_;
};

GroupEvent assigned(const TopicPartition& tp) {
  return Assigned{{{.tp = tp, .topic_id = {}, .committed = kNoOffset, .metadata = ""}}};
}

class SourceTurnTest : public testing::Test {
 protected:
  bool acquire() {
    return turn_.acquire([this] { begun_ = true; }).value();
  }
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  /// Until everything said was handled.
  bool heard() {
    const int before = script_.told;
    return eventually([&] { return script_.told >= before + 2; });
  }

  Script script_;
  std::atomic<bool> begun_{false};
  std::atomic<bool> interrupted_{false};
  SourceTurn turn_{std::make_unique<ScriptedGroup>(script_), kToken,
                   [this] { interrupted_ = true; }};
};

TEST_F(SourceTurnTest, comes_with_the_first_partition_only) {
  auto taken = std::async(std::launch::async, [&] { return acquire(); });
  script_.say(assigned(kOther));
  ASSERT_TRUE(heard());
  EXPECT_FALSE(begun_);
  script_.say(assigned(kToken));
  EXPECT_TRUE(taken.get());
  EXPECT_TRUE(begun_);
  turn_.release();
  EXPECT_TRUE(acquire()) << "it is still ours";
  turn_.release();
}

TEST_F(SourceTurnTest, is_handed_over_when_it_was_released) {
  for (const GroupEvent& end :
       {GroupEvent(Revoked{{kOther, kToken}}), GroupEvent(Lost{{kToken}})}) {
    script_.say(assigned(kToken));
    ASSERT_TRUE(acquire());
    interrupted_ = false;
    script_.say(end);
    ASSERT_TRUE(eventually([&] { return interrupted_.load(); }));
    const int polls = script_.told;
    std::this_thread::yield();
    EXPECT_EQ(script_.told, polls) << "the group is not told before";
    turn_.release();
    ASSERT_TRUE(heard());
    begun_ = false;
    auto next = std::async(std::launch::async, [&] { return acquire(); });
    ASSERT_TRUE(heard());
    EXPECT_FALSE(begun_);
    script_.say(assigned(kToken));
    EXPECT_TRUE(next.get());
    turn_.release();
    script_.say(Revoked{{kToken}});
    ASSERT_TRUE(heard());
  }
}

TEST_F(SourceTurnTest, others_partitions_do_not_end_it) {
  script_.say(assigned(kToken));
  ASSERT_TRUE(acquire());
  script_.say(Revoked{{kOther}});
  script_.say(fail(Errc::kUnavailable, "away for a moment"));
  ASSERT_TRUE(heard());
  EXPECT_FALSE(interrupted_);
  turn_.release();
}

TEST_F(SourceTurnTest, a_stop_ends_the_wait_and_the_group_is_left_after_the_release) {
  script_.say(assigned(kToken));
  ASSERT_TRUE(acquire());
  turn_.stop();
  EXPECT_FALSE(script_.left);
  turn_.release();
  EXPECT_TRUE(eventually([&] { return script_.left.load(); }));
  EXPECT_FALSE(acquire());
}

TEST_F(SourceTurnTest, a_group_that_cannot_be_joined_is_said) {
  script_.say(fail(Errc::kRefused, "not allowed"));
  const auto refused = turn_.acquire([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRefused);
}

}  // namespace
}  // namespace freshet::app
