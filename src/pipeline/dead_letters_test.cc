#include "pipeline/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/record_iterator.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

using ::testing::ElementsAre;
using testing::Incarnation;
using testing::MemoryWorld;

const TopicPartition kOrigin{"events", 5};
const std::string kDlq = "p.rows.dlq";

class DeadLetterQueueTest : public ::testing::Test {
 protected:
  DeadLetterQueueTest() : producer_(world_, self_), queue_(producer_, kDlq, "rows") {
    world_.create_topic(kDlq, 2);
    id_.bytes[3] = 7;
  }
  static DeadLetter letter(int64_t offset) {
    DeadLetter one;
    one.offset = Offset(offset);
    one.value = "{}";
    return one;
  }
  void write(std::initializer_list<int64_t> offsets, WallMillis now = WallMillis(Millis(10))) {
    std::vector<DeadLetter> letters;
    for (const auto offset : offsets) letters.push_back(letter(offset));
    ASSERT_TRUE(queue_.write(kOrigin, id_, letters, now).get());
  }
  size_t write_missing(OffsetRange range, std::initializer_list<int64_t> offsets,
                       WallMillis intent = WallMillis(Millis(10))) {
    std::vector<DeadLetter> letters;
    for (const auto offset : offsets) letters.push_back(letter(offset));
    return queue_.write_missing(kOrigin, id_, range, letters, intent, WallMillis(Millis(11)))
        .value();
  }
  std::vector<int64_t> offsets() {
    std::vector<int64_t> all;
    EXPECT_TRUE(queue_.visit([&](const auto& origin) { all.push_back(origin.offset.value()); }));
    std::ranges::sort(all);
    return all;
  }

  MemoryWorld world_;
  Incarnation self_;
  testing::MemoryProducer producer_;
  DeadLetterQueue queue_;
  TopicId id_;
};

TEST_F(DeadLetterQueueTest, keeps_the_original_whole_and_says_where_it_is_from) {
  const kafka::HeaderView header{"trace", "abc"};
  const std::string headers = kafka::encode_headers({&header, 1});
  const RecordView original{.offset = Offset(42),
                            .timestamp_ms = 1234,
                            .key = std::nullopt,
                            .value = "not json",
                            .headers = headers};
  const Reject reject{.offset = Offset(42),
                      .index = 0,
                      .reason = RejectReason::kWrongType,
                      .path = "payload.total",
                      .detail = "string, expected a number"};
  const auto one = DeadLetter::of(original, reject);
  ASSERT_TRUE(queue_.write(kOrigin, id_, {&one, 1}, WallMillis(Millis(99))).get());

  const auto& batches = world_.log.at({kDlq, 1}).batches;  // 5 mod 2
  ASSERT_EQ(batches.size(), 1U);
  std::string scratch;
  auto records = kafka::RecordIterator::open(kafka::RecordBatchView(batches[0]), scratch).value();
  RecordView record;
  ASSERT_TRUE(records.next(record));
  EXPECT_EQ(record.timestamp_ms, 99);
  EXPECT_FALSE(record.key);
  EXPECT_EQ(record.value, "not json");
  EXPECT_EQ(kafka::find_header(record.headers, "trace"), "abc");
  const auto origin = parse_dead_letter(record).value();
  EXPECT_EQ(origin.pipeline, "rows");
  EXPECT_EQ(origin.tp, kOrigin);
  EXPECT_EQ(origin.topic_id, id_.to_string());
  EXPECT_EQ(origin.offset, Offset(42));
  EXPECT_EQ(origin.timestamp_ms, 1234);
  EXPECT_EQ(origin.reason, "wrong_type");
  EXPECT_EQ(origin.path, "payload.total");
  EXPECT_EQ(origin.detail, "string, expected a number");
  EXPECT_EQ(origin.attempt, 1U);

  const auto again = DeadLetter::of(record, reject);
  EXPECT_EQ(again.attempt, 2U);
}

TEST_F(DeadLetterQueueTest, writes_only_letters_that_are_not_there) {
  write({3, 5});
  EXPECT_EQ(write_missing({Offset(0), Offset(9)}, {3, 5, 7}), 1U);
  EXPECT_EQ(write_missing({Offset(0), Offset(9)}, {3, 5, 7}), 0U);
  EXPECT_THAT(offsets(), ElementsAre(3, 5, 7));
}

TEST_F(DeadLetterQueueTest, other_origins_pipelines_and_topic_ids_do_not_count) {
  const auto one = letter(3);
  ASSERT_TRUE(queue_.write({"events", 4}, id_, {&one, 1}, WallMillis(Millis(10))).get());
  ASSERT_TRUE(queue_.write(kOrigin, TopicId{}, {&one, 1}, WallMillis(Millis(10))).get());
  DeadLetterQueue other(producer_, kDlq, "other");
  ASSERT_TRUE(other.write(kOrigin, id_, {&one, 1}, WallMillis(Millis(10))).get());
  EXPECT_EQ(write_missing({Offset(0), Offset(9)}, {3}), 1U);
}

TEST_F(DeadLetterQueueTest, looks_back_through_many_batches) {
  write({3});
  for (int64_t i = 100; i < 140; ++i) write({i});
  EXPECT_EQ(write_missing({Offset(0), Offset(9)}, {3}), 0U);
}

TEST_F(DeadLetterQueueTest, many_letters_become_batches_of_bounded_size) {
  std::vector<DeadLetter> letters;
  for (int64_t i = 0; i < 10; ++i) {
    letters.push_back(letter(i));
    letters.back().value = std::string(200'000, 'x');
  }
  ASSERT_TRUE(queue_.write(kOrigin, id_, letters, WallMillis{}).get());
  for (const auto& batch : world_.log.at({kDlq, 1}).batches) EXPECT_LT(batch.size(), 600'000U);
  EXPECT_EQ(offsets().size(), 10U);
}

TEST_F(DeadLetterQueueTest, a_missing_topic_is_said_with_how_to_create_it) {
  const DeadLetterQueue lost(producer_, "nowhere", "rows");
  const auto checked = lost.check_topic();
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), ::testing::HasSubstr("freshet topic create nowhere"));
}

}  // namespace
}  // namespace freshet::pipeline
