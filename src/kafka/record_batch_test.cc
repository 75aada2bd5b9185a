#include "kafka/record_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/source_tree.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {
namespace {

struct OwnedRecord {
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  bool operator==(const OwnedRecord&) const = default;
};

constexpr int64_t kTime = 1'700'000'000'000;

/// The records of every batch in testdata/batches.
std::vector<OwnedRecord> expected_records() {
  std::vector<OwnedRecord> records = {
      {kTime, "k0", "value-0", {{"h1", "v1"}, {"h2", std::nullopt}}},
      {kTime + 5, std::nullopt, "", {}},
      {kTime - 3, "", std::nullopt, {}},
  };
  for (int i = 3; i < 60; ++i) {
    std::string value = fmt::format("value-{}-", i);
    for (int j = 0; j < i * 5; ++j) value += "abc";
    records.push_back({kTime + i, fmt::format("key-{}", i), value, {}});
  }
  return records;
}

std::string load_hex(const std::string& name) {
  const auto path = freshet::testing::source_tree() / "src/kafka/testdata/batches" / name;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    for (size_t i = 0; i + 1 < line.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
  }
  return bytes;
}

Result<std::vector<OwnedRecord>> read_records(RecordBatchView batch) {
  std::string scratch;
  FRESHET_ASSIGN(auto iterator, RecordIterator::open(batch, scratch));
  std::vector<OwnedRecord> records;
  Offset expected = batch.base_offset();
  for (RecordView record; iterator.next(record);) {
    EXPECT_EQ(record.offset, expected);
    expected = expected + 1;
    OwnedRecord owned{record.timestamp_ms, {}, {}, {}};
    if (record.key) owned.key.emplace(*record.key);
    if (record.value) owned.value.emplace(*record.value);
    HeaderIterator headers(record.headers);
    for (HeaderView header; headers.next(header);) {
      owned.headers.emplace_back(header.key, header.value);
    }
    FRESHET_TRY(headers.finish());
    records.push_back(std::move(owned));
  }
  FRESHET_TRY(iterator.finish());
  return records;
}

RecordBatchView only_batch(std::string_view bytes) {
  auto batch = next_batch(bytes);
  EXPECT_TRUE(batch && *batch && bytes.empty());
  return **batch;
}

std::string build(BatchOptions options) {
  RecordBatchBuilder builder(options);
  for (const auto& record : expected_records()) {
    std::vector<HeaderView> headers;
    headers.reserve(record.headers.size());
    for (const auto& [key, value] : record.headers) headers.push_back({key, value});
    builder.append(record.timestamp_ms, record.key, record.value, encode_headers(headers));
  }
  return builder.build();
}

constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

TEST(RecordBatchView, reads_batches_of_the_java_client) {
  for (const auto codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string bytes = load_hex(fmt::format("java-{}.hex", codec_name(codec)));
    const auto batch = only_batch(bytes);
    EXPECT_TRUE(check_batch(batch).has_value());
    EXPECT_EQ(batch.base_offset(), Offset(100));
    EXPECT_EQ(batch.last_offset(), Offset(159));
    EXPECT_EQ(batch.leader_epoch(), 3);
    EXPECT_EQ(batch.codec(), codec);
    EXPECT_EQ(batch.base_timestamp_ms(), kTime);
    EXPECT_EQ(batch.max_timestamp_ms(), kTime + 59);
    EXPECT_EQ(batch.producer_id(), 4'000'000'001);
    EXPECT_EQ(batch.producer_epoch(), 7);
    EXPECT_EQ(batch.base_sequence(), 12);
    EXPECT_EQ(batch.last_sequence(), 71);
    EXPECT_EQ(batch.record_count(), 60);
    EXPECT_TRUE(batch.is_transactional());
    EXPECT_FALSE(batch.is_control());
    EXPECT_FALSE(batch.is_log_append_time());
    const auto records = read_records(batch);
    ASSERT_TRUE(records) << records.error().message();
    EXPECT_EQ(*records, expected_records());
  }
}

TEST(RecordBatchView, log_append_time_overrides_every_timestamp) {
  const std::string bytes = load_hex("java-log_append_time.hex");
  const auto batch = only_batch(bytes);
  ASSERT_TRUE(check_batch(batch).has_value());
  ASSERT_TRUE(batch.is_log_append_time());
  const auto records = read_records(batch);
  ASSERT_TRUE(records);
  for (const auto& record : *records) EXPECT_EQ(record.timestamp_ms, 1'800'000'000'000);

  std::string ours = build({});
  set_log_append_time(ours.data(), ours.size(), 1'800'000'000'000);
  set_leader_epoch(ours.data(), only_batch(bytes).leader_epoch());
  EXPECT_EQ(ours, bytes);
}

TEST(RecordBatchBuilder, makes_the_same_bytes_as_the_java_client) {
  std::string ours = build({.producer_id = 4'000'000'001,
                            .producer_epoch = 7,
                            .base_sequence = 12,
                            .transactional = true});
  set_base_offset(ours.data(), Offset(100));
  set_leader_epoch(ours.data(), 3);
  EXPECT_EQ(ours, load_hex("java-none.hex"));
}

TEST(RecordBatchBuilder, round_trips_with_every_codec) {
  for (const auto codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string bytes = build({.codec = codec});
    const auto batch = check_producer_batch(bytes, bytes.size());
    ASSERT_TRUE(batch) << batch.error().message();
    EXPECT_EQ(batch->codec(), codec);
    EXPECT_EQ(batch->last_sequence(), -1);
    const auto records = read_records(*batch);
    ASSERT_TRUE(records) << records.error().message();
    EXPECT_EQ(*records, expected_records());
  }
}

TEST(RecordBatchBuilder, is_empty_again_after_build_and_goes_on_with_the_sequence) {
  RecordBatchBuilder builder(
      {.producer_id = 1, .producer_epoch = 0, .base_sequence = INT32_MAX - 1, .reserve_bytes = 1});
  for (int i = 0; i < 3; ++i) builder.append(kTime, "k", std::string(1000, 'v'));
  EXPECT_EQ(builder.count(), 3);
  const size_t size = builder.size_bytes();
  const std::string first = builder.build();
  EXPECT_EQ(first.size(), size);
  EXPECT_TRUE(builder.empty());
  builder.append(kTime + 1, "k", "v");
  const std::string second = builder.build();
  EXPECT_EQ(only_batch(first).last_sequence(), 0) << "2^31-1 is followed by 0";
  EXPECT_EQ(only_batch(second).base_sequence(), 1);
  EXPECT_EQ(only_batch(second).base_timestamp_ms(), kTime + 1);
}

TEST(NextBatch, splits_batches_and_leaves_a_torn_one) {
  const std::string one = build({});
  const std::string all = one + one + one.substr(0, one.size() - 1);
  std::string_view rest = all;
  for (int i = 0; i < 2; ++i) {
    const auto batch = next_batch(rest);
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->bytes(), one);
  }
  const auto torn = next_batch(rest);
  ASSERT_TRUE(torn);
  EXPECT_FALSE(*torn);
  EXPECT_EQ(rest.size(), one.size() - 1);
}

TEST(NextBatch, refuses_impossible_lengths_and_other_formats) {
  const auto code_with = [](size_t position, auto value) {
    std::string bytes = build({});
    store_be(bytes.data() + position, value);
    std::string_view rest = bytes;
    const auto batch = next_batch(rest);
    return batch ? std::optional<Errc>() : batch.error().code();
  };
  EXPECT_EQ(code_with(batch_layout::kLength, int32_t{48}), Errc::kCorrupt);
  EXPECT_EQ(code_with(batch_layout::kLength, int32_t{-1}), Errc::kCorrupt);
  EXPECT_EQ(code_with(batch_layout::kLength, INT32_MAX), Errc::kCorrupt);
  EXPECT_EQ(code_with(batch_layout::kMagic, int8_t{1}), Errc::kUnsupported);
  EXPECT_EQ(code_with(batch_layout::kMagic, int8_t{3}), Errc::kCorrupt);
}

struct ProducerRule {
  std::string_view name;
  std::function<void(std::string&)> damage;
  ErrorCode expected;
};

void with_new_crc(std::string& batch) {
  store_be<uint32_t>(batch.data() + batch_layout::kCrc, RecordBatchView(batch).computed_crc());
}
template <class T>
auto set(size_t position, T value) {
  return [=](std::string& batch) {
    store_be<T>(batch.data() + position, value);
    with_new_crc(batch);
  };
}

TEST(CheckProducerBatch, each_rule_has_its_error_code) {
  const ProducerRule rules[] = {
      {"payload bit", [](std::string& b) { b.back() ^= 1; }, ErrorCode::kCorruptMessage},
      {"cut", [](std::string& b) { b.pop_back(); }, ErrorCode::kCorruptMessage},
      {"two batches", [](std::string& b) { b += b; }, ErrorCode::kInvalidRecord},
      {"base offset", set<int64_t>(batch_layout::kBaseOffset, 5), ErrorCode::kInvalidRecord},
      {"no records", set<int32_t>(batch_layout::kRecordCount, 0), ErrorCode::kInvalidRecord},
      {"gap in offsets", set<int32_t>(batch_layout::kRecordCount, 59), ErrorCode::kInvalidRecord},
      {"count too high", set<int32_t>(batch_layout::kRecordCount, 61), ErrorCode::kCorruptMessage},
      {"control", set<int16_t>(batch_layout::kAttributes, 0x20), ErrorCode::kInvalidRecord},
      {"transaction without id", set<int16_t>(batch_layout::kAttributes, 0x10),
       ErrorCode::kInvalidRecord},
      {"codec 5", set<int16_t>(batch_layout::kAttributes, 5), ErrorCode::kCorruptMessage},
      {"id without sequence", set<int64_t>(batch_layout::kProducerId, 9),
       ErrorCode::kInvalidRecord},
      {"old format", set<int8_t>(batch_layout::kMagic, 1), ErrorCode::kUnsupportedForMessageFormat},
      {"too large",
       [](std::string& b) {
         b = build({});
         b.resize(b.size());
       },
       ErrorCode::kMessageTooLarge},
  };
  const std::string good = build({});
  for (const auto& rule : rules) {
    SCOPED_TRACE(rule.name);
    std::string bytes = good;
    rule.damage(bytes);
    const size_t limit = rule.name == "too large" ? bytes.size() - 1 : SIZE_MAX;
    const auto checked = check_producer_batch(bytes, limit);
    ASSERT_FALSE(checked);
    EXPECT_EQ(producer_batch_error_code(checked.error()), rule.expected)
        << checked.error().message();
  }
}

TEST(RecordIterator, damage_never_crashes_and_is_reported) {
  const std::string good = build({});
  for (size_t at = batch_layout::kRecords; at < good.size(); ++at) {
    for (const char damage : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string bytes = good;
      if (bytes[at] == damage) continue;
      bytes[at] = damage;
      std::string scratch;
      auto iterator = RecordIterator::open(RecordBatchView(bytes), scratch);
      ASSERT_TRUE(iterator);
      for (RecordView record; iterator->next(record);) {
        HeaderIterator headers(record.headers);
        for (HeaderView header; headers.next(header);) continue;
      }
      [[maybe_unused]] const auto verdict = iterator->finish();
    }
  }
}

TEST(RecordIterator, finish_tells_missing_records_and_bytes_left_over) {
  std::string bytes = build({});
  store_be<int32_t>(bytes.data() + batch_layout::kRecordCount, 61);
  EXPECT_FALSE(read_records(RecordBatchView(bytes)));
  store_be<int32_t>(bytes.data() + batch_layout::kRecordCount, 59);
  EXPECT_FALSE(read_records(RecordBatchView(bytes)));
}

TEST(RecordIterator, unpacks_no_more_than_allowed) {
  RecordBatchBuilder builder({.codec = Codec::kZstd});
  builder.append(kTime, std::nullopt, std::string(10 << 20, 'x'));
  const std::string bytes = builder.build();
  ASSERT_LT(bytes.size(), 10'000u);
  std::string scratch;
  const auto iterator = RecordIterator::open(RecordBatchView(bytes), scratch, 1 << 20);
  ASSERT_FALSE(iterator);
  EXPECT_EQ(iterator.error().code(), Errc::kTooLarge);
  EXPECT_LE(scratch.capacity(), size_t{2 << 20});
}

TEST(FindHeader, returns_the_last_of_a_name) {
  const HeaderView headers[] = {{"a", "1"}, {"b", std::nullopt}, {"a", "2"}};
  const std::string encoded = encode_headers(headers);
  EXPECT_EQ(find_header(encoded, "a"), "2");
  EXPECT_EQ(find_header(encoded, "b"), "");
  EXPECT_EQ(find_header(encoded, "c"), std::nullopt);
  EXPECT_EQ(find_header({}, "a"), std::nullopt);
}

}  // namespace
}  // namespace freshet::kafka
