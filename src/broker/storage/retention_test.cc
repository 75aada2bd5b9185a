#include "broker/storage/retention.h"

#include <gtest/gtest.h>

#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() {
    options_ = small_options(directory_.path());
    options_.clock = &clock_;
    store_ = open_store(options_);
  }
  [[nodiscard]] int64_t now_ms() const { return clock_.wall().time_since_epoch().count(); }
  PartitionLogPtr create(const PartitionConfig& config) {
    return create_partition(*store_, {.topic = "t", .partition = 0}, config);
  }
  void put(PartitionLog& log, int64_t timestamp_ms, int count = 1) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(
          append(log, make_batch({std::string(100, 'x')}, {.timestamp_ms = timestamp_ms})).ok());
    }
  }
  /// Applies retention and waits for what it has asked for.
  Offset apply(PartitionLog& log) {
    store_->apply_retention();
    for (int i = 0; i < 2; ++i) {
      std::promise<void> done;
      log.delete_before(Offset(0), [&](const Result<Offset>&) { done.set_value(); });
      done.get_future().wait();
    }
    return log.log_start();
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  LogStoreOptions options_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(RetentionTest, by_time_the_active_segment_goes_only_with_all_others) {
  const auto log = create({.segment_bytes = 500, .retention_ms = 1'000});
  put(*log, now_ms(), 7);
  EXPECT_EQ(apply(*log), Offset(0));
  clock_.advance(Millis(900));
  put(*log, now_ms());
  clock_.advance(Millis(200));
  const Offset kept = apply(*log);
  EXPECT_GT(kept, Offset(0));
  EXPECT_LT(kept, Offset(8)) << "the active one is young";
  clock_.advance(Millis(1'000));
  EXPECT_EQ(apply(*log), Offset(8));
  EXPECT_EQ(log->segment_count(), 1U);
  EXPECT_EQ(log->size_bytes(), 0U);
  store_.reset();
  store_ = open_store(options_);
  const auto again = store_->find({.topic = "t", .partition = 0});
  EXPECT_EQ(again->log_start(), Offset(8));
  EXPECT_EQ(append(*again, make_batch({"on"})).base_offset, Offset(8));
}

TEST_F(RetentionTest, by_size_closed_segments_beyond_it_go) {
  const auto log = create({.segment_bytes = 500, .retention_bytes = 900});
  put(*log, 1'000, 20);
  const Offset start = apply(*log);
  EXPECT_GT(start, Offset(0));
  EXPECT_GE(log->size_bytes(), 900U);
  EXPECT_LT(log->size_bytes(), 1'500U);
}

TEST_F(RetentionTest, without_timestamps_the_age_is_that_of_the_file) {
  const auto log = create({.segment_bytes = 500, .retention_ms = 1'000});
  put(*log, -1, 7);
  // The file was written now, by the clock of the machine.
  clock_.set_wall(SystemClock::instance().wall());
  EXPECT_EQ(apply(*log), Offset(0));
  clock_.advance(Millis(60'000));
  EXPECT_EQ(apply(*log), Offset(7));
}

TEST_F(RetentionTest, for_ever_is_for_ever) {
  const auto log = create({.segment_bytes = 500});
  put(*log, 1'000, 20);
  clock_.advance(Millis(1'000'000'000));
  EXPECT_EQ(apply(*log), Offset(0));
}

}  // namespace
}  // namespace freshet::broker
