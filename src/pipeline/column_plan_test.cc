#include "pipeline/column_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/wide_integer.h"
#include "pipeline/constant_json.h"

namespace freshet::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ColumnType type(std::string_view text) { return parse_clickhouse_type(text).value(); }

sink::SinkColumn constant_column(std::string name, std::string_view type_text,
                                 bool has_default = false) {
  sink::SinkColumn column{.field = {std::move(name), type(type_text)},
                          .when_missing = sink::WhenMissing::kConstant,
                          .has_default = has_default,
                          .constant = Column(type(type_text))};
  column.constant.append_default();
  return column;
}

template <class T>
std::string json_of(std::string_view type_text, T value) {
  Column column(type(type_text));
  column.append_fixed(value);
  return constant_json(column);
}

TEST(ColumnPlan, looks_for_a_column_under_its_own_name_or_the_mapped_path) {
  config::PipelineSettings settings;
  settings.columns = {{.column = "amount", .path = "payload.total", .at = {}}};
  const auto plan =
      plan_columns({constant_column("id", "UInt64"), constant_column("amount", "Float64"),
                    constant_column("a.b", "String")},
                   settings, "table t")
          .value();
  ASSERT_EQ(plan.columns.size(), 3U);
  EXPECT_THAT(plan.columns[0].path, ElementsAre("id"));
  EXPECT_THAT(plan.columns[1].path, ElementsAre("payload", "total"));
  EXPECT_THAT(plan.columns[2].path, ElementsAre("a.b"));
}

TEST(ColumnPlan, columns_of_a_nested_are_members_of_its_objects) {
  const std::vector<sink::SinkColumn> columns = {
      constant_column("items.sku", "Array(String)"), constant_column("items.n", "Array(UInt8)"),
      constant_column("items.all", "Array(UInt8)"), constant_column("a.b", "UInt8")};
  config::PipelineSettings settings;
  settings.columns = {{.column = "items.all", .path = "totals", .at = {}}};
  auto plan = plan_columns(columns, settings, "table t").value();
  EXPECT_THAT(plan.columns[0].path, ElementsAre("items"));
  EXPECT_EQ(plan.columns[0].nested_member, "sku");
  EXPECT_EQ(plan.columns[1].nested_member, "n");
  EXPECT_THAT(plan.columns[2].path, ElementsAre("totals"));
  EXPECT_EQ(plan.columns[2].nested_member, "");
  EXPECT_THAT(plan.columns[3].path, ElementsAre("a.b"));
  EXPECT_FALSE(plan.elements_needed);
  settings.columns.push_back({.column = "items", .path = "order.lines", .at = {}});
  settings.on_missing_field = config::OnMissingField::kReject;
  plan = plan_columns(columns, settings, "table t").value();
  EXPECT_THAT(plan.columns[1].path, ElementsAre("order", "lines"));
  EXPECT_TRUE(plan.elements_needed);
}

TEST(ColumnPlan, names_every_mismatch_in_one_message) {
  config::PipelineSettings settings;
  settings.name = "rows";
  settings.columns = {{.column = "amuont", .path = "x", .at = {}},
                      {.column = "ghost", .path = "y", .at = {}},
                      {.column = "amount", .path = "a..b", .at = {}}};
  const auto plan = plan_columns({constant_column("amount", "Float64")}, settings, "table t");
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message(), HasSubstr("no column amuont that can be written (near: "));
  EXPECT_THAT(plan.error().message(), HasSubstr("no column ghost"));
  EXPECT_THAT(plan.error().message(), HasSubstr("column amount: "));
}

TEST(ColumnPlan, missing_fields_follow_default_and_policy) {
  auto declared = constant_column("d", "String", true);
  declared.constant.clear();
  declared.constant.append_string("a\"b\n");
  sink::SinkColumn nullable{.field = {"n", type("Nullable(String)")},
                            .when_missing = sink::WhenMissing::kNull,
                            .has_default = false,
                            .constant = Column(type("String"))};
  sink::SinkColumn time{.field = {"t", type("DateTime")},
                        .when_missing = sink::WhenMissing::kRecordTime,
                        .has_default = true,
                        .constant = Column(type("DateTime"))};
  config::PipelineSettings settings;
  auto plan = plan_columns({declared, nullable, time, constant_column("z", "Int8")}, settings, "t");
  using decode::MissingPolicy;
  EXPECT_EQ(plan->columns[0].missing, MissingPolicy::kConstant);
  EXPECT_EQ(plan->columns[0].constant, "\"a\\\"b\\u000a\"");
  EXPECT_EQ(plan->columns[1].missing, MissingPolicy::kDefault);
  EXPECT_EQ(plan->columns[2].missing, MissingPolicy::kRecordTime);
  EXPECT_EQ(plan->columns[3].missing, MissingPolicy::kDefault);

  settings.on_missing_field = config::OnMissingField::kReject;
  plan = plan_columns({declared, nullable, time, constant_column("z", "Int8")}, settings, "t");
  EXPECT_EQ(plan->columns[0].missing, MissingPolicy::kConstant);
  EXPECT_EQ(plan->columns[1].missing, MissingPolicy::kReject);
  EXPECT_EQ(plan->columns[2].missing, MissingPolicy::kRecordTime);
  EXPECT_EQ(plan->columns[3].missing, MissingPolicy::kReject);
}

TEST(ColumnPlan, writes_constants_as_json) {
  EXPECT_EQ(json_of<int8_t>("Int8", -7), "-7");
  EXPECT_EQ(json_of<uint64_t>("UInt64", UINT64_MAX), "18446744073709551615");
  EXPECT_EQ(json_of<double>("Float64", 0.1), "0.1");
  EXPECT_EQ(json_of<uint16_t>("Date", 19'675), "\"2023-11-14\"");
  EXPECT_EQ(json_of<int32_t>("Date32", -1), "\"1969-12-31\"");
  EXPECT_EQ(json_of<uint32_t>("DateTime", 1'700'000'000), "\"2023-11-14T22:13:20Z\"");
  EXPECT_EQ(json_of<int64_t>("DateTime64(3)", 1'700'000'000'042), "\"2023-11-14T22:13:20.042Z\"");
  EXPECT_EQ(json_of<int64_t>("DateTime64(3)", -1), "\"1969-12-31T23:59:59.999Z\"");
  EXPECT_EQ(json_of<int32_t>("Decimal(9, 2)", -5), "-0.05");
  EXPECT_EQ(json_of<int64_t>("Decimal(18, 0)", 120), "120");
  EXPECT_EQ(json_of<int32_t>("Decimal(9, 2)", 0), "0.00");
  EXPECT_EQ(json_of<uint32_t>("IPv4", 0xC0000201), "\"192.0.2.1\"");
  EXPECT_EQ(json_of<int16_t>("Enum16('a' = 5, 'b' = 6)", 6), "\"b\"");
  EXPECT_EQ(json_of("Int128", int128{-5}), "-5");
  EXPECT_EQ(json_of("UInt256", Wide256{{0, 1, 0, 0}}), "18446744073709551616");
  EXPECT_EQ(json_of("Decimal(76, 2)", Wide256{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}),
            "-0.01");
}

TEST(ColumnPlan, writes_constants_made_of_values_as_json) {
  Column column(type("Map(UInt8, Array(Tuple(a Nullable(String), b FixedString(2))))"));
  Column& entry = column.child();
  entry.child(0).append_fixed<uint8_t>(7);
  Column& pair = entry.child(1).child();
  for (const bool null : {true, false}) {
    null ? pair.child(0).append_null() : pair.child(0).append_string("x");
    pair.child(1).append_bytes("de");
    pair.finish_tuple();
  }
  entry.child(1).finish_list();
  entry.finish_tuple();
  column.finish_list();
  EXPECT_EQ(constant_json(column), R"({"7":[{"a":null,"b":"de"},{"a":"x","b":"de"}]})");
  Column unnamed(type("Tuple(Array(UInt8), JSON, Map(String, UInt8))"));
  unnamed.append_default();
  EXPECT_EQ(constant_json(unnamed), "[[],{},{}]");
}

TEST(ColumnPlan, hash_sees_what_changes_rows_and_nothing_else) {
  config::PipelineSettings settings;
  settings.from = {"events"};
  const std::vector<sink::SinkColumn> columns = {constant_column("a", "String")};
  const auto hash = pipeline_hash(columns, settings);
  auto faster = settings;
  faster.flush.rows = 1;
  faster.workers = 7;
  EXPECT_EQ(pipeline_hash(columns, faster), hash);
  auto mapped = settings;
  mapped.columns = {{.column = "a", .path = "b", .at = {}}};
  EXPECT_NE(pipeline_hash(columns, mapped), hash);
  EXPECT_NE(pipeline_hash({constant_column("a", "UInt8")}, settings), hash);
  auto finer = settings;
  finer.epoch_unit = config::EpochUnit::kMilliseconds;
  EXPECT_NE(pipeline_hash(columns, finer), hash);
  EXPECT_EQ(plan_columns(columns, finer, "table t")->epoch_digits, 3);
  EXPECT_NE(pipeline_hash({constant_column("a", "String", false), constant_column("b", "String")},
                          settings),
            hash);
}

}  // namespace
}  // namespace freshet::pipeline
