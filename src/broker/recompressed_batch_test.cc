#include "broker/recompressed_batch.h"

#include <gtest/gtest.h>

#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::broker {
namespace {

TEST(RecompressedBatch, holds_the_same_records_in_every_codec) {
  for (const auto from : {kafka::Codec::kNone, kafka::Codec::kGzip, kafka::Codec::kZstd}) {
    for (const auto to : {kafka::Codec::kNone, kafka::Codec::kGzip, kafka::Codec::kSnappy,
                          kafka::Codec::kLz4, kafka::Codec::kZstd}) {
      kafka::RecordBatchBuilder builder(
          {.codec = from, .producer_id = 7, .producer_epoch = 1, .base_sequence = 3});
      for (int i = 0; i < 50; ++i) {
        builder.append(1'000 + i, fmt::format("key {}", i), std::string(20, 'v'));
      }
      const std::string before = builder.build();
      const auto after = recompress_batch(kafka::RecordBatchView(before), to, 1 << 20);
      ASSERT_TRUE(after) << after.error().message();
      const auto view = kafka::check_producer_batch(*after, 1 << 20);
      ASSERT_TRUE(view) << view.error().message();
      EXPECT_EQ(view->codec(), to);
      EXPECT_EQ(view->base_sequence(), 3);
      std::string scratch;
      auto records = kafka::RecordIterator::open(*view, scratch);
      ASSERT_TRUE(records);
      RecordView record;
      int count = 0;
      while (records->next(record)) {
        EXPECT_EQ(record.key, fmt::format("key {}", count));
        EXPECT_EQ(record.timestamp_ms, 1'000 + count++);
      }
      EXPECT_EQ(count, 50);
    }
  }
}

TEST(RecompressedBatch, refuses_what_grows_over_the_limit_and_what_is_no_stream) {
  kafka::RecordBatchBuilder builder({.codec = kafka::Codec::kZstd});
  builder.append(1'000, "key", std::string(10'000, 'v'));
  std::string batch = builder.build();
  const auto large = recompress_batch(kafka::RecordBatchView(batch), kafka::Codec::kNone, 5'000);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), Errc::kTooLarge);
  batch[kafka::batch_layout::kRecords] = 'x';
  const auto bad = recompress_batch(kafka::RecordBatchView(batch), kafka::Codec::kNone, 1 << 20);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), Errc::kCorrupt);
}

}  // namespace
}  // namespace freshet::broker
