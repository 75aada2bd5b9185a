#include "broker/storage/compacted_batch.h"

#include <gtest/gtest.h>

#include "kafka/record_batch_builder.h"

namespace freshet::broker {
namespace {

struct Read {
  int64_t offset;
  int64_t timestamp_ms;
  std::string key;
  std::optional<std::string> value;
  std::string headers;
  bool operator==(const Read&) const = default;
};

std::vector<Read> records_of(std::string_view bytes) {
  const kafka::RecordBatchView batch(bytes);
  EXPECT_TRUE(kafka::check_batch(batch));
  std::string scratch;
  auto records = kafka::RecordIterator::open(batch, scratch);
  std::vector<Read> all;
  RecordView record;
  while (records && records->next(record)) {
    all.push_back({record.offset.value(), record.timestamp_ms, std::string(*record.key),
                   record.value ? std::optional(std::string(*record.value)) : std::nullopt,
                   std::string(record.headers)});
  }
  EXPECT_TRUE(records->finish());
  return all;
}

// Offsets 100 to 104, times 1000, 1010, ..., the one at 102 a tombstone.
std::string five_records(kafka::Codec codec) {
  kafka::RecordBatchBuilder builder(
      {.codec = codec, .producer_id = 9, .producer_epoch = 2, .base_sequence = 40});
  const kafka::HeaderView header{.key = "h", .value = "v"};
  const std::string headers = kafka::encode_headers({&header, 1});
  for (int i = 0; i < 5; ++i) {
    const bool gone = i == 2;
    builder.append(1'000 + 10 * i, fmt::format("key {}", i),
                   gone ? std::nullopt : std::optional<std::string_view>("value"),
                   i % 2 == 0 ? headers : std::string_view());
  }
  std::string batch = builder.build();
  kafka::set_base_offset(batch.data(), Offset(100));
  kafka::set_leader_epoch(batch.data(), 6);
  return batch;
}

TEST(CompactedBatch, keeps_offsets_times_and_headers_of_what_stays) {
  for (const auto codec : {kafka::Codec::kNone, kafka::Codec::kGzip, kafka::Codec::kSnappy,
                           kafka::Codec::kLz4, kafka::Codec::kZstd}) {
    const std::string before = five_records(codec);
    const auto all = records_of(before);
    std::string scratch;
    std::string out;
    const auto result =
        compact_batch(kafka::RecordBatchView(before),
                      {.keeps =
                           [](const RecordView& r) {
                             return r.offset == Offset(101) || r.offset == Offset(103);
                           }},
                      scratch, out);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(*result, CompactedBatch::kFewer);
    EXPECT_EQ(records_of(out), (std::vector{all[1], all[3]}));
    const kafka::RecordBatchView after(out);
    EXPECT_EQ(after.base_offset(), Offset(100));
    EXPECT_EQ(after.last_offset(), Offset(104));
    EXPECT_EQ(after.max_timestamp_ms(), 1'030);
    EXPECT_EQ(after.codec(), codec);
    EXPECT_EQ(after.last_sequence(), 44);
    EXPECT_EQ(after.leader_epoch(), 6);
    EXPECT_FALSE(after.has_delete_horizon());
  }
}

TEST(CompactedBatch, a_kept_tombstone_gets_its_horizon_once) {
  const std::string before = five_records(kafka::Codec::kNone);
  const auto all = records_of(before);
  std::string scratch;
  std::string out;
  const BatchCompaction rules{.keeps = [](const RecordView& r) { return r.offset >= Offset(102); },
                              .delete_horizon_ms = 5'000};
  ASSERT_EQ(*compact_batch(kafka::RecordBatchView(before), rules, scratch, out),
            CompactedBatch::kFewer);
  EXPECT_EQ(records_of(out), (std::vector{all[2], all[3], all[4]}));
  const kafka::RecordBatchView after(out);
  EXPECT_TRUE(after.has_delete_horizon());
  EXPECT_EQ(after.base_timestamp_ms(), 5'000);
  std::string again;
  EXPECT_EQ(*compact_batch(after, rules, scratch, again), CompactedBatch::kWhole);
}

TEST(CompactedBatch, whole_and_nothing_are_told_apart) {
  const std::string before = five_records(kafka::Codec::kZstd);
  std::string scratch;
  std::string out;
  EXPECT_EQ(*compact_batch(kafka::RecordBatchView(before),
                           {.keeps = [](const RecordView&) { return false; }}, scratch, out),
            CompactedBatch::kNothing);
  EXPECT_TRUE(out.empty());
}

TEST(CompactedBatch, an_empty_one_keeps_offsets_and_producer_a_filler_only_offsets) {
  const std::string before = five_records(kafka::Codec::kZstd);
  const std::string empty = empty_batch(kafka::RecordBatchView(before));
  EXPECT_TRUE(records_of(empty).empty());
  const kafka::RecordBatchView view(empty);
  EXPECT_EQ(view.size(), kafka::batch_layout::kRecords);
  EXPECT_EQ(view.next_offset(), Offset(105));
  EXPECT_EQ(view.producer_id(), 9);
  EXPECT_EQ(view.last_sequence(), 44);
  const std::string filler = filler_batch(kafka::RecordBatchView(before));
  EXPECT_TRUE(records_of(filler).empty());
  EXPECT_EQ(kafka::RecordBatchView(filler).next_offset(), Offset(105));
  EXPECT_FALSE(kafka::RecordBatchView(filler).has_producer_id());
}

TEST(CompactedBatch, broken_records_are_an_error) {
  std::string before = five_records(kafka::Codec::kZstd);
  before[kafka::batch_layout::kRecords] = 'x';
  std::string scratch;
  std::string out;
  EXPECT_FALSE(compact_batch(kafka::RecordBatchView(before),
                             {.keeps = [](const RecordView&) { return true; }}, scratch, out));
}

}  // namespace
}  // namespace freshet::broker
