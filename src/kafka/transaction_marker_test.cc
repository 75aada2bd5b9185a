#include "kafka/transaction_marker.h"

#include <gtest/gtest.h>

#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {
namespace {

TEST(TransactionMarker, comes_back_as_it_was) {
  for (const bool commit : {false, true}) {
    const TransactionMarker marker{
        .producer_id = 4711, .producer_epoch = 12, .commit = commit, .coordinator_epoch = 3};
    const std::string bytes = encode_marker(marker, 1'700'000'000'000);
    const RecordBatchView batch(bytes);
    EXPECT_TRUE(check_batch(batch));
    EXPECT_TRUE(batch.is_control());
    EXPECT_TRUE(batch.is_transactional());
    EXPECT_EQ(batch.base_sequence(), -1);
    EXPECT_EQ(batch.record_count(), 1);
    EXPECT_EQ(decode_marker(batch), marker);
  }
}

// Bytes that Apache Kafka writes for an abort marker of version 0 with coordinator epoch 7, by the
// layout in KIP-98: record length 16, key of 4, value of 6.
TEST(TransactionMarker, has_the_bytes_of_the_protocol) {
  const std::string bytes = encode_marker(
      {.producer_id = 1, .producer_epoch = 2, .commit = false, .coordinator_epoch = 7}, 5);
  constexpr std::string_view kRecord(
      "\x20\x00\x00\x00"
      "\x08\x00\x00\x00\x00"
      "\x0c\x00\x00\x00\x00\x00\x07"
      "\x00",
      17);
  EXPECT_EQ(RecordBatchView(bytes).records(), kRecord);
  EXPECT_EQ(RecordBatchView(bytes).attributes(), 0x30);
}

TEST(TransactionMarker, is_not_seen_in_other_batches) {
  RecordBatchBuilder builder;
  builder.append(1, "\0\0\0\1", "value");
  const std::string data = builder.build();
  EXPECT_FALSE(decode_marker(RecordBatchView(data)));
  EXPECT_FALSE(decode_marker(RecordBatchView(encode_gap(Offset(5), Offset(9), 1))));
}

TEST(TransactionMarker, a_gap_covers_its_offsets_and_holds_no_record) {
  const std::string bytes = encode_gap(Offset(5), Offset(9), 1);
  std::string_view rest = bytes;
  const auto batch = next_batch(rest);
  ASSERT_TRUE(batch);
  ASSERT_TRUE(*batch);
  EXPECT_EQ((*batch)->base_offset(), Offset(5));
  EXPECT_EQ((*batch)->next_offset(), Offset(10));
  EXPECT_TRUE((*batch)->is_control());
  EXPECT_TRUE(check_batch(**batch));
  EXPECT_EQ((*batch)->record_count(), 0);
}

TEST(TransactionMarker, a_batch_is_given_a_producer) {
  RecordBatchBuilder builder;
  builder.append(1, "k", "v");
  std::string bytes = builder.build();
  set_producer(bytes.data(), bytes.size(), 9, 3, 17, /*transactional=*/true);
  const auto batch = check_producer_batch(bytes, bytes.size());
  ASSERT_TRUE(batch) << batch.error().message();
  EXPECT_EQ(batch->producer_id(), 9);
  EXPECT_EQ(batch->producer_epoch(), 3);
  EXPECT_EQ(batch->base_sequence(), 17);
  EXPECT_TRUE(batch->is_transactional());
}

}  // namespace
}  // namespace freshet::kafka
