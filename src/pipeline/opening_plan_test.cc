#include "pipeline/opening_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::pipeline {
namespace {

using ::testing::HasSubstr;

TopicId topic_id(uint8_t n) {
  TopicId id;
  id.bytes[0] = n;
  return id;
}

CommitMetadata ours(std::vector<OffsetRange> pending, uint64_t hash = 1, uint8_t topic = 1) {
  return {.pipeline_hash = hash,
          .topic_id = topic_id(topic),
          .start = Offset(0),
          .intent_time = WallMillis(Millis(1000)),
          .pending = std::move(pending)};
}

/// Committed 100 of a log 0..1000, with that metadata.
OpeningFacts facts(const std::string& metadata, int64_t committed = 100) {
  return {.group = "freshet.p.rows",
          .destination = "table a.b",
          .pipeline_hash = 1,
          .assigned = {.tp = {"events", 3},
                       .topic_id = topic_id(1),
                       .committed = Offset(committed),
                       .metadata = metadata},
          .bounds = {.log_start = Offset(0), .high_watermark = Offset(1000)},
          .provable = true};
}
OpeningFacts facts(const CommitMetadata& metadata) {
  return facts(encode_commit_metadata(metadata).value());
}
std::string refusal(const OpeningFacts& facts) {
  const auto plan = plan_opening(facts);
  EXPECT_FALSE(plan);
  if (plan) return "";
  EXPECT_EQ(plan.error().code(), Errc::kRefused);
  return plan.error().message();
}

OffsetRange range(int64_t first, int64_t last) { return {Offset(first), Offset(last)}; }

TEST(OpeningPlan, a_new_group_begins_at_the_start_of_the_log) {
  auto fresh = facts("", kNoOffset.value());
  fresh.bounds.log_start = Offset(40);
  EXPECT_TRUE(needs_table_end(fresh.assigned));
  const auto plan = plan_opening(fresh).value();
  EXPECT_EQ(plan.start, Offset(40));
  EXPECT_EQ(plan.cut, Offset(40));
  EXPECT_TRUE(plan.pending.empty());

  fresh.begin = Offset(1000);
  EXPECT_EQ(plan_opening(fresh).value().start, Offset(1000));
  EXPECT_EQ(plan_opening(fresh).value().landed, Offset(1000));

  fresh.table_end = Offset(77);
  EXPECT_THAT(refusal(fresh), HasSubstr("holds rows of this partition up to offset 76"));
}

TEST(OpeningPlan, settles_exactly_the_pending_ranges_and_goes_on_behind_them) {
  const auto f = facts(ours({range(100, 199), range(200, 250)}));
  EXPECT_FALSE(needs_table_end(f.assigned));
  const auto plan = plan_opening(f).value();
  EXPECT_EQ(plan.landed, Offset(100));
  EXPECT_EQ(plan.cut, Offset(251));
  EXPECT_THAT(plan.pending, ::testing::ElementsAre(range(100, 199), range(200, 250)));
  EXPECT_EQ(plan.intent_time, WallMillis(Millis(1000)));
  EXPECT_EQ(plan.doubt_until, kNoOffset);
  EXPECT_TRUE(plan.warnings.empty());
}

TEST(OpeningPlan, untrusted_metadata_means_asking_the_table) {
  const auto good = encode_commit_metadata(ours({})).value();
  for (const std::string& metadata :
       {std::string(), std::string("set by hand"), std::string("freshet/9|x"), good + "0",
        encode_commit_metadata(ours({range(101, 199)})).value()}) {
    auto f = facts(metadata);
    EXPECT_TRUE(needs_table_end(f.assigned)) << metadata;
    f.table_end = Offset(300);
    const auto plan = plan_opening(f).value();
    EXPECT_EQ(plan.doubt_until, Offset(300)) << metadata;
    EXPECT_EQ(plan.start, Offset(100));
    EXPECT_EQ(plan.cut, Offset(100));
    EXPECT_EQ(plan.warnings.size(), 1U);
    f.provable = false;
    EXPECT_THAT(refusal(f), HasSubstr("the table cannot say"));
  }
}

TEST(OpeningPlan, a_position_that_skips_records_says_which) {
  auto f = facts("set by a tool");
  f.table_end = Offset(70);
  const auto plan = plan_opening(f).value();
  ASSERT_EQ(plan.warnings.size(), 2U);
  EXPECT_THAT(plan.warnings[1], HasSubstr("no row of offsets 70-99"));
  EXPECT_THAT(plan.warnings[1], HasSubstr("set the position to 70"));
  EXPECT_EQ(plan.cut, Offset(100));
  f.bounds.log_start = Offset(100);
  EXPECT_EQ(plan_opening(f).value().warnings.size(), 1U) << "retention had them";
}

TEST(OpeningPlan, a_changed_definition_is_said) {
  const auto plan = plan_opening(facts(ours({range(100, 199)}, 2))).value();
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_THAT(plan.warnings[0], HasSubstr("definition changed"));
  EXPECT_EQ(plan.pending.size(), 1U);
}

TEST(OpeningPlan, an_empty_table_is_told_of_when_the_group_has_confirmed_something) {
  auto emptied = facts(ours({}));
  emptied.table_empty = true;
  const auto plan = plan_opening(emptied).value();
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_THAT(plan.warnings[0], HasSubstr("everything before offset 100"));
  EXPECT_THAT(plan.warnings[0], HasSubstr("freshet repair"));
  EXPECT_EQ(plan.cut, Offset(100)) << "it goes on";
  auto begun = ours({range(100, 109)});
  begun.start = Offset(100);
  auto nothing_yet = facts(begun);
  nothing_yet.table_empty = true;
  EXPECT_TRUE(plan_opening(nothing_yet).value().warnings.empty());
}

TEST(OpeningPlan, refuses_what_cannot_be_true) {
  EXPECT_THAT(refusal(facts(ours({}, 1, 2))), HasSubstr("deleted and created again"));
  EXPECT_THAT(refusal(facts("", 1001)),
              HasSubstr("committed offset 1001, but the log ends at 1000"));
  EXPECT_THAT(refusal(facts(ours({range(100, 1000)}))),
              HasSubstr("pending range up to offset 1000"));
  EXPECT_TRUE(plan_opening(facts(ours({range(100, 999)}))));
}

TEST(OpeningPlan, names_what_retention_deleted) {
  const struct {
    std::vector<OffsetRange> pending;
    int64_t log_start;
    std::vector<OffsetRange> left;
    bool in_doubt;
    int64_t cut;
  } cases[] = {
      {{}, 150, {}, false, 150},
      {{range(100, 199)}, 150, {range(150, 199)}, true, 200},
      {{range(100, 199)}, 200, {}, true, 200},
      {{range(100, 199), range(200, 299)}, 250, {range(250, 299)}, true, 300},
      {{range(100, 199)}, 500, {}, true, 500},
  };
  for (const auto& c : cases) {
    auto f = facts(ours(c.pending));
    f.bounds.log_start = Offset(c.log_start);
    const auto plan = plan_opening(f).value();
    EXPECT_EQ(plan.deleted, range(100, c.log_start - 1));
    EXPECT_EQ(plan.deleted_in_doubt, c.in_doubt);
    EXPECT_EQ(plan.landed, Offset(c.log_start));
    EXPECT_EQ(plan.cut, Offset(c.cut));
    EXPECT_EQ(std::vector<OffsetRange>(plan.pending.begin(), plan.pending.end()), c.left);
  }
  auto f = facts(ours({}));
  EXPECT_FALSE(plan_opening(f)->deleted);
  f = facts(ours({range(100, 199)}));
  f.bounds.log_start = Offset(150);
  f.provable = false;
  EXPECT_THAT(refusal(f), HasSubstr("retention deleted offsets 100-149 of the pending range"));
}

}  // namespace
}  // namespace freshet::pipeline
