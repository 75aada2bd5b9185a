#include "pipeline/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/commit_metadata.h"
#include "pipeline/dead_letters.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

using ::testing::ElementsAre;
using testing::Incarnation;
using testing::MemoryWorld;

const TopicPartition kTp{"events", 0};
const std::string kDlq = "p.rows.dlq";

/// A log of `records` records with ids 0.., all confirmed, all in the table.
class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest()
      : consumer_(world_, self_, kTp.topic), producer_(world_, self_), sink_(world_, self_) {
    world_.create_topic(kTp.topic, 1);
    world_.create_topic(kDlq, 1);
    settings_.name = "rows";
    settings_.from = {kTp.topic};
    for (int i = 0; i < 10; ++i) {
      std::vector<std::string> values;
      for (int k = 0; k < 10; ++k) values.push_back(fmt::format("{{\"id\":{}}}", i * 10 + k));
      world_.append(kTp, values);
    }
    for (int64_t i = 0; i < 100; ++i) {
      world_.table.rows.push_back({kTp, Offset(i), static_cast<uint64_t>(i)});
    }
    confirm(100, 0);
  }

  void confirm(int64_t offset, int64_t start) {
    const CommitMetadata metadata{.topic_id = world_.topic_ids[kTp.topic], .start = Offset(start)};
    world_.committed[kTp] = {Offset(offset), encode_commit_metadata(metadata).value()};
  }
  void remove(int64_t offset) {
    std::erase_if(world_.table.rows, [&](const auto& row) { return row.offset == Offset(offset); });
  }
  void reject(int64_t offset) {
    DeadLetterQueue letters(producer_, kDlq, "rows");
    DeadLetter letter;
    letter.offset = Offset(offset);
    ASSERT_TRUE(letters.write(kTp, world_.topic_ids[kTp.topic], {&letter, 1}, WallMillis{}).get());
  }
  PipelineVerdict judge() {
    const VerifyInput input{.settings = settings_,
                            .dead_letter_topic = kDlq,
                            .consumer = consumer_,
                            .producer = producer_,
                            .sink = sink_};
    auto verdict = verify(input);
    EXPECT_TRUE(verdict) << verdict.error().message();
    return std::move(*verdict);
  }

  MemoryWorld world_;
  Incarnation self_;
  testing::MemoryConsumer consumer_;
  testing::MemoryProducer producer_;
  testing::MemorySink sink_;
  config::PipelineSettings settings_;
};

TEST_F(VerifyTest, is_exact_when_every_record_has_its_row) {
  const auto verdict = judge();
  EXPECT_TRUE(verdict.exact());
  EXPECT_EQ(verdict.records, 100U);
  EXPECT_EQ(verdict.in_table, 100U);
  EXPECT_EQ(to_json(verdict),
            R"({"pipeline":"rows","topic":"events","records":100,"in_table":100,"replaced":0,)"
            R"("rejected":0,"missing":0,"doubled":0,"foreign":0,"exact":true,"unconfirmed":0,)"
            R"("unjudged_deleted":0,"replayed":0,"findings":[]})");
  EXPECT_THAT(findings_text(verdict), ElementsAre());
}

TEST_F(VerifyTest, names_missing_doubled_and_foreign_offsets) {
  remove(7);
  remove(8);
  remove(42);
  world_.table.rows.push_back({kTp, Offset(13), 13});
  world_.table.rows.push_back({kTp, Offset(5000), 1});
  const auto verdict = judge();
  EXPECT_FALSE(verdict.exact());
  EXPECT_EQ(verdict.missing, 3U);
  EXPECT_EQ(verdict.doubled, 1U);
  EXPECT_EQ(verdict.foreign, 1U);
  EXPECT_THAT(findings_text(verdict), ElementsAre("missing in events-0: 7-8, 42 (3 offsets)",
                                                  "doubled in events-0: 13 (1 offsets)",
                                                  "foreign in events-0: 5000 (1 offsets)"));
}

TEST_F(VerifyTest, rejected_records_count_only_if_their_letter_is_there) {
  remove(3);
  remove(4);
  reject(3);
  auto verdict = judge();
  EXPECT_EQ(verdict.rejected, 1U);
  EXPECT_EQ(verdict.missing, 1U);
  reject(4);
  EXPECT_TRUE(judge().exact());
  reject(50);  // and in the table as well: delivered twice
  EXPECT_EQ(judge().doubled, 1U);
}

TEST_F(VerifyTest, letters_of_an_older_topic_of_that_name_do_not_count) {
  remove(3);
  reject(3);
  world_.topic_ids[kTp.topic].bytes[5] = 9;
  confirm(100, 0);
  EXPECT_EQ(judge().missing, 1U);
}

TEST_F(VerifyTest, a_collapsed_row_counts_as_replaced_only_if_the_survivor_is_there) {
  world_.append(kTp, {"{\"id\":5}", "{\"id\":777}"});
  world_.table.rows.push_back({kTp, Offset(100), 5});
  confirm(102, 0);
  world_.table.collapse();  // takes offset 5 away: id 5 survives at 100
  const auto verdict = judge();
  EXPECT_EQ(verdict.replaced, 1U);
  EXPECT_EQ(verdict.missing, 1U);  // 101: no row of id 777
  EXPECT_EQ(verdict.partitions[0].missing.ranges.front(), (OffsetRange{Offset(101), Offset(101)}));
}

TEST_F(VerifyTest, judges_only_what_is_confirmed_and_still_in_the_log) {
  for (int64_t i = 60; i < 100; ++i) remove(i);
  confirm(60, 0);
  auto verdict = judge();
  EXPECT_TRUE(verdict.exact());
  EXPECT_EQ(verdict.records, 60U);
  EXPECT_EQ(verdict.unconfirmed, 40U);

  world_.trim(kTp, Offset(20));
  verdict = judge();
  EXPECT_TRUE(verdict.exact());
  EXPECT_EQ(verdict.records, 40U);
  EXPECT_EQ(verdict.unjudged_deleted, 20U);

  confirm(60, 30);  // the group began at 30
  verdict = judge();
  EXPECT_EQ(verdict.records, 30U);
  EXPECT_EQ(verdict.unjudged_deleted, 0U);
}

TEST_F(VerifyTest, rows_in_gaps_of_the_log_are_foreign) {
  kafka::RecordBatchBuilder builder;
  builder.append(1, std::nullopt, "{\"id\":100}");
  auto batch = builder.build();
  auto& partition = world_.log.at(kTp);
  partition.end = Offset(110);  // compaction left a gap
  world_.append_batch(kTp, batch);
  world_.table.rows.push_back({kTp, Offset(110), 100});
  world_.table.rows.push_back({kTp, Offset(105), 9});
  confirm(111, 0);
  const auto verdict = judge();
  EXPECT_EQ(verdict.records, 101U);
  EXPECT_EQ(verdict.foreign, 1U);
  EXPECT_EQ(verdict.missing, 0U);
}

TEST_F(VerifyTest, refuses_a_destination_that_cannot_be_asked) {
  sink_.set_proof({.by_provenance = false, .reason = "it lacks _offset"});
  const auto verdict = verify({.settings = settings_,
                               .dead_letter_topic = kDlq,
                               .consumer = consumer_,
                               .producer = producer_,
                               .sink = sink_});
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code(), Errc::kUnsupported);
}

}  // namespace
}  // namespace freshet::pipeline
