#include "broker/storage/producer_table.h"

#include <gtest/gtest.h>

#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

// A batch of `count` records by producer 7.
std::string batch_of(int16_t epoch, int32_t sequence, int count, int64_t offset = 0) {
  std::string bytes = make_batch(std::vector<std::string>(static_cast<size_t>(count), "v"),
                                 {.producer_id = 7, .epoch = epoch, .sequence = sequence});
  kafka::set_base_offset(bytes.data(), Offset(offset));
  return bytes;
}

struct Added {
  int16_t epoch;
  int32_t sequence;
  int count;
};
struct Case {
  const char* name;
  std::vector<Added> before;  // offsets follow each other from 0
  Added next;
  SequenceVerdict expected;
  int64_t original_offset = -1;
};

class ProducerTableRules : public ::testing::TestWithParam<Case> {};

TEST_P(ProducerTableRules, verdict) {
  const auto& param = GetParam();
  ProducerTable table;
  int64_t offset = 0;
  for (const auto& added : param.before) {
    const auto bytes = batch_of(added.epoch, added.sequence, added.count, offset);
    table.add(kafka::RecordBatchView(bytes), 0);
    offset += added.count;
    table.settle(7, Offset(offset));
  }
  const auto bytes = batch_of(param.next.epoch, param.next.sequence, param.next.count);
  const auto check = table.check(kafka::RecordBatchView(bytes));
  EXPECT_EQ(check.verdict, param.expected);
  EXPECT_EQ(check.base_offset, Offset(param.original_offset));
}

TEST(ProducerTable, what_is_not_published_displaces_nothing) {
  ProducerTable table;
  for (int32_t i = 0; i < 12; ++i) {
    const auto bytes = batch_of(0, i, 1, i);
    table.add(kafka::RecordBatchView(bytes), 0);
  }
  // 0 to 5 are published, 6 to 11 wait for the disk.
  table.settle(7, Offset(6));
  const auto durable = table.durable_before(Offset(6));
  for (int32_t i = 1; i < 6; ++i) {
    const auto bytes = batch_of(0, i, 1);
    EXPECT_EQ(durable.check(kafka::RecordBatchView(bytes)).verdict, SequenceVerdict::kDuplicate);
  }
  table.settle(7, Offset(12));
  const auto bytes = batch_of(0, 5, 1);
  EXPECT_EQ(table.check(kafka::RecordBatchView(bytes)).verdict, SequenceVerdict::kOutOfOrder);
}

constexpr int32_t kMax = INT32_MAX;
INSTANTIATE_TEST_SUITE_P(
    ProducerTable, ProducerTableRules,
    ::testing::Values(
        Case{"unknown_may_begin_anywhere", {}, {0, 42, 1}, SequenceVerdict::kNext},
        Case{"next_sequence", {{0, 0, 3}}, {0, 3, 1}, SequenceVerdict::kNext},
        Case{"gap", {{0, 0, 3}}, {0, 4, 1}, SequenceVerdict::kOutOfOrder},
        Case{"repeat_of_last", {{0, 0, 3}}, {0, 0, 3}, SequenceVerdict::kDuplicate, 0},
        Case{"repeat_of_fifth",
             {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}},
             {0, 0, 1},
             SequenceVerdict::kDuplicate,
             0},
        Case{"repeat_of_sixth_is_forgotten",
             {{0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}, {0, 5, 1}},
             {0, 0, 1},
             SequenceVerdict::kOutOfOrder},
        Case{"overlap_is_no_repeat", {{0, 0, 3}}, {0, 0, 2}, SequenceVerdict::kOutOfOrder},
        Case{"newer_epoch_from_zero", {{0, 0, 3}}, {1, 0, 1}, SequenceVerdict::kNext},
        Case{"newer_epoch_not_from_zero", {{0, 0, 3}}, {1, 3, 1}, SequenceVerdict::kOutOfOrder},
        Case{"older_epoch", {{2, 0, 3}}, {1, 3, 1}, SequenceVerdict::kOldEpoch},
        Case{"old_epochs_batch_is_no_duplicate",
             {{0, 0, 3}, {1, 0, 1}},
             {1, 0, 3},
             SequenceVerdict::kOutOfOrder},
        Case{"wraps_to_zero", {{0, kMax - 1, 2}}, {0, 0, 1}, SequenceVerdict::kNext},
        Case{"wraps_inside_a_batch", {{0, kMax, 3}}, {0, 2, 1}, SequenceVerdict::kNext},
        Case{"repeat_over_the_wrap", {{0, kMax, 3}}, {0, kMax, 3}, SequenceVerdict::kDuplicate, 0}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ProducerTable, snapshot_keeps_the_newest_batch_of_each_producer) {
  ProducerTable table;
  const auto bytes = batch_of(3, kMax, 4, 100);
  table.add(kafka::RecordBatchView(bytes), 55);
  const auto snapshot = table.to_snapshot({});
  EXPECT_EQ(snapshot.size(), 10U + 46U);
  const auto restored = ProducerTable::from_snapshot(snapshot);
  ASSERT_TRUE(restored);
  const auto check = restored->check(kafka::RecordBatchView(bytes));
  EXPECT_EQ(check.verdict, SequenceVerdict::kDuplicate);
  EXPECT_EQ(check.base_offset, Offset(100));
  for (size_t i = 0; i < snapshot.size(); ++i) {
    auto damaged = snapshot;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(ProducerTable::from_snapshot(damaged)) << i;
    EXPECT_FALSE(ProducerTable::from_snapshot(snapshot.substr(0, i))) << i;
  }
}

TEST(ProducerTable, leaves_out_what_is_not_durable) {
  ProducerTable table;
  for (int i = 0; i < 8; ++i) {
    const auto bytes = batch_of(0, i, 1, i);
    table.add(kafka::RecordBatchView(bytes), 0);
  }
  const auto durable = table.durable_before(Offset(6));
  const auto repeat = batch_of(0, 5, 1);
  EXPECT_EQ(durable.check(kafka::RecordBatchView(repeat)).base_offset, Offset(5));
  const auto next = batch_of(0, 6, 1);
  EXPECT_EQ(durable.check(kafka::RecordBatchView(next)).verdict, SequenceVerdict::kNext);
  EXPECT_TRUE(table.durable_before(Offset(0)).empty());
}

TEST(ProducerTable, expires_idle_producers) {
  ProducerTable table;
  const auto bytes = batch_of(0, 0, 1);
  table.add(kafka::RecordBatchView(bytes), 1'000);
  table.expire(1'000, {});
  EXPECT_FALSE(table.empty());
  table.expire(1'001, {});
  EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace freshet::broker
