// Every type of ClickHouse from JSON through the sink into a table and back by SQL, and the page
// docs/reference/json-types.md that is made from the same cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "base/testing/source_tree.h"
#include "decode/json_decoder.h"
#include "pipeline/column_plan.h"
#include "pipeline/testing/json_composite_cases.h"
#include "pipeline/testing/json_type_cases.h"
#include "sink/clickhouse_sink.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::pipeline {
namespace {

using ::testing::IsEmpty;
using testing::JsonTypeCase;

const TopicPartition kOrigin{.topic = "events", .partition = 0};
const std::string kProvenance =
    ", _topic LowCardinality(String), _partition UInt32, _offset UInt64) ENGINE = MergeTree "
    "ORDER BY _offset SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1, "
    "fsync_part_directory = 1";

class JsonTypes : public warehouse::testing::EngineTest {
 protected:
  void create(const std::string& columns, const warehouse::Settings& settings = {}) {
    const auto created =
        engine_->query("CREATE TABLE " + in_database("t") + " (" + columns + kProvenance,
                       "TabSeparated", settings);
    ASSERT_TRUE(created) << columns << "\n" << created.error().message();
  }

  /// Decodes the records for table t and writes the rows; the rejects.
  std::vector<Reject> load(const std::vector<std::string>& records,
                           const config::PipelineSettings& settings = {}) {
    auto sink = sink::ClickHouseSink::open(*engine_, in_database("t"));
    EXPECT_TRUE(sink) << sink.error().message();
    if (!sink) return {};
    auto plan = plan_columns((*sink)->columns(), settings, "table t");
    EXPECT_TRUE(plan) << plan.error().message();
    if (!plan) return {};
    auto decoder = decode::JsonDecoder::create(std::move(*plan)).value();
    std::vector<RecordView> views;
    for (const std::string& record : records) {
      views.push_back({.offset = Offset(static_cast<int64_t>(views.size())),
                       .timestamp_ms = 1'758'191'400'123,
                       .key = std::nullopt,
                       .value = record,
                       .headers = {}});
    }
    ColumnBatch batch((*sink)->schema());
    std::vector<Reject> rejects;
    decoder.decode(views, {.topic = kOrigin.topic, .partition = 0}, batch, rejects);
    std::set<int64_t> rejected;
    for (const Reject& reject : rejects) rejected.insert(reject.offset.value());
    std::vector<Offset> offsets;
    for (const RecordView& view : views) {
      if (!rejected.contains(view.offset.value())) offsets.push_back(view.offset);
    }
    const OffsetRange range{.first = Offset(0), .last = views.back().offset};
    const auto written = (*sink)->write({.tp = kOrigin,
                                         .topic_id = {},
                                         .range = range,
                                         .token = sink::range_token("p", 1, {}, 0, range)},
                                        (*sink)->encode(kOrigin, batch, offsets));
    EXPECT_TRUE(written) << written.error().message();
    return rejects;
  }

  void check(const JsonTypeCase& type) {
    SCOPED_TRACE(type.type);
    create("v " + type.type,
           {{"allow_suspicious_low_cardinality_types", "1"}, {"flatten_nested", "0"}});
    std::vector<std::string> records;
    std::string expected;
    for (const auto& [json, shown] : type.taken) {
      records.push_back(fmt::format(R"({{"v":{}}})", json));
      expected += (shown.empty() ? json : shown) + "\n";
    }
    for (const auto& refused : type.refused) {
      records.push_back(fmt::format(R"({{"v":{}}})", refused.json));
    }
    const auto rejects = load(records);
    EXPECT_EQ(run("SELECT ifNull(toJSONString(v), 'null') FROM " + in_database("t") +
                  " ORDER BY _offset FORMAT TSVRaw"),
              expected);
    ASSERT_EQ(rejects.size(), type.refused.size());
    for (size_t i = 0; i < rejects.size(); ++i) {
      EXPECT_EQ(rejects[i].offset.value(), static_cast<int64_t>(type.taken.size() + i));
      EXPECT_EQ(reject_reason_name(rejects[i].reason), type.refused[i].reason)
          << type.refused[i].json << ": " << rejects[i].detail;
      EXPECT_TRUE(rejects[i].path == "v" || rejects[i].path.starts_with("v."));
    }
    run("DROP TABLE " + in_database("t") + " SYNC");
  }
};

TEST_F(JsonTypes, scalars_land_as_they_were_written) {
  for (const JsonTypeCase& type : testing::scalar_json_types()) check(type);
}

TEST_F(JsonTypes, arrays_and_objects_land_as_they_were_written) {
  for (const JsonTypeCase& type : testing::composite_json_types()) check(type);
}

TEST_F(JsonTypes, every_type_of_the_engine_is_named) {
  std::set<std::string> named;
  for (const auto name : testing::unsupported_json_types()) named.emplace(name);
  const auto add = [&](const std::string& text) {
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = text.find_first_of("(), ", begin);
      named.insert(text.substr(begin, end - begin));
      if (end == std::string::npos) break;
      begin = end + 1;
    }
  };
  for (const JsonTypeCase& type : testing::scalar_json_types()) add(type.type);
  for (const JsonTypeCase& type : testing::composite_json_types()) add(type.type);
  // Decimal by its widths, Enum by either, DateTime by the name it has without a zone.
  for (const auto* other :
       {"Decimal32", "Decimal64", "Decimal128", "Decimal256", "Enum", "DateTime32"}) {
    named.insert(other);
  }
  const std::string families =
      run("SELECT name FROM system.data_type_families WHERE alias_to = '' ORDER BY name");
  std::vector<std::string> unnamed;
  for (size_t begin = 0; begin < families.size();) {
    const size_t end = families.find('\n', begin);
    const std::string family = families.substr(begin, end - begin);
    if (!named.contains(family)) unnamed.push_back(family);
    begin = end + 1;
  }
  EXPECT_THAT(unnamed, IsEmpty());
}

TEST_F(JsonTypes, columns_of_a_flattened_nested_take_an_array_of_objects) {
  create("id UInt8, items Nested(sku String, n UInt8, tags Array(String)), `a.b` UInt8");
  config::PipelineSettings settings;
  settings.columns = {{.column = "items", .path = "order.lines", .at = {}}};
  const auto rejects =
      load({R"({"id":1,"order":{"lines":[{"sku":"a","n":1,"tags":["x","y"]},{"sku":"b"}]}})",
            R"({"id":2,"order":{"lines":[]},"a.b":7})",
            R"({"id":3,"order":{"lines":[{"n":1},{"n":-1}]}})", R"({"id":4})"},
           settings);
  ASSERT_EQ(rejects.size(), 1U);
  EXPECT_EQ(rejects[0].path, "order.lines.1.n");
  EXPECT_EQ(run("SELECT id, items.sku, items.n, items.tags, `a.b` FROM " + in_database("t") +
                " ORDER BY id"),
            "1\t['a','b']\t[1,0]\t[['x','y'],[]]\t0\n"
            "2\t[]\t[]\t[]\t7\n"
            "4\t[]\t[]\t[]\t0\n");
}

TEST_F(JsonTypes, defaults_of_every_kind_stand_in_for_missing_fields) {
  create(
      "id UInt8, a Array(Nullable(Int8)) DEFAULT [1, NULL], m Map(String, UInt8) DEFAULT "
      "map('k', 5), t Tuple(x UInt8, y String) DEFAULT (7, 'y'), j JSON DEFAULT '{\"q\":1}', "
      "e Enum8('a' = 1, 'b' = 2) DEFAULT 'b', ip IPv4 DEFAULT '192.0.2.1', ip6 IPv6 DEFAULT "
      "'::1', w Int256 DEFAULT -5, d Decimal(60, 2) DEFAULT 1.25, f FixedString(2) DEFAULT 'de', "
      "n Nested(x UInt8), z Enum8('lo' = -1, 'hi' = 1), dt DateTime64(6, 'Asia/Tehran') DEFAULT "
      "toDateTime64('2025-09-18 14:00:00.5', 6, 'Asia/Tehran')");
  EXPECT_THAT(load({R"({"id":1})"}), IsEmpty());
  EXPECT_EQ(run("SELECT id, a, m, t, j, e, ip, ip6, w, d, f, n.x, z, dt FROM " + in_database("t")),
            "1\t[1,NULL]\t{'k':5}\t(7,'y')\t{\"q\":1}\tb\t192.0.2.1\t::1\t-5\t1.25\tde\t[]\tlo\t"
            "2025-09-18 14:00:00.500000\n");
}

TEST_F(JsonTypes, strict_policies_reject_inside_values_too) {
  create("id UInt8, t Array(Tuple(x UInt8, y UInt8)), n Nested(x UInt8)");
  config::PipelineSettings settings;
  settings.on_unknown_field = config::OnUnknownField::kReject;
  settings.on_missing_field = config::OnMissingField::kReject;
  const auto rejects =
      load({R"({"id":1,"t":[{"x":1,"y":2}],"n":[{"x":1}]})", R"({"id":1,"t":[{"x":1}],"n":[]})",
            R"({"id":1,"t":[{"x":1,"y":2,"z":3}],"n":[]})", R"({"id":1,"t":[],"n":[{}]})",
            R"({"id":1,"t":[],"n":[],"more":1})", R"({"id":1,"t":[]})", R"({"t":[],"n":[]})"},
           settings);
  std::vector<std::string> found;
  for (const Reject& reject : rejects) {
    found.push_back(fmt::format("{} {}", reject_reason_name(reject.reason), reject.path));
  }
  EXPECT_THAT(found, ::testing::ElementsAre("missing_field t.0.y", "unknown_field t.0.z",
                                            "missing_field n.0.x", "unknown_field more",
                                            "missing_field n", "missing_field id"));
  EXPECT_EQ(run("SELECT count() FROM " + in_database("t")), "1\n");
}

std::string code(std::string_view text) {
  const std::string fence = text.contains('`') ? "``" : "`";
  std::string escaped = fence;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped + fence;
}

std::string table_of(const std::vector<JsonTypeCase>& types) {
  std::string page =
      "\n| Type | Takes | JSON, and what a query shows | Refused |\n|---|---|---|---|\n";
  for (const JsonTypeCase& type : types) {
    std::vector<std::string> taken;
    for (const auto& [json, shown] : type.taken) {
      taken.push_back(shown.empty() || shown == json ? code(json)
                                                     : code(json) + " → " + code(shown));
    }
    std::vector<std::string> refused;
    for (const auto& [json, reason] : type.refused) {
      refused.push_back(fmt::format("{} {}", code(json), reason));
    }
    page += fmt::format("| {} | {} | {} | {} |\n", code(type.type), type.rule,
                        fmt::join(taken, "<br>"), fmt::join(refused, "<br>"));
  }
  return page;
}

std::string reference_page() {
  std::vector<std::string> others;
  for (const auto name : testing::unsupported_json_types()) others.push_back(code(name));
  return "# JSON into ClickHouse's types\n\n"
         "<!-- Made by src/pipeline/json_types_test.cc from the cases that it runs: do not edit. "
         "-->\n\n"
         "A value is taken only if the column holds exactly what the JSON says. A record with a "
         "value that does not fit goes to the dead letters whole, with the reason and the path of "
         "the value (`items.3.price`: positions in arrays count from 0); it is never rounded, cut "
         "or converted (inside a JSON column ClickHouse does: see there). Every row below is tried "
         "by the tests: written as JSON into a table of the embedded engine and shown by `SELECT "
         "toJSONString(v)`.\n\n"
         "`null` fits Nullable types only. What a record lacks becomes the column's DEFAULT, else "
         "null or the type's default (`\"\"`, 0, 1970-01-01, the lowest name of an Enum, `[]`, "
         "`{}`); with `on_missing_field: reject` the record is rejected, unless the column has a "
         "DEFAULT. A field that no column takes is ignored, or with `on_unknown_field: reject` "
         "rejects the record. Both go for the members of objects inside Tuples and Nested too.\n"
         "\n## Single values\n" +
         table_of(testing::scalar_json_types()) + "\n## Arrays and objects\n\n" +
         "The columns of a `Nested` are Arrays with names such as `items.sku`: together they take "
         "the array of objects `items`, or the one at the path that `columns:` gives for `items`. "
         "One that has an entry of its own in `columns:` is an Array like any other (a field whose "
         "own name is `items.sku` is `items\\.sku` there). Objects and arrays may lie in each "
         "other to a depth of 64; elements that they do not spell out may take 64 MiB a value. A "
         "Map has no key twice, whatever its spelling: `1` and `1.0` are the same Decimal.\n\n"
         "What lies in a JSON column is ClickHouse's to keep: it leaves out members that are "
         "`null` or `{}`, takes a dot in a key for an object, and numbers with a fraction (in an "
         "array with one of them, all numbers) as the nearest Float64. What must stay as it is "
         "needs a column of its own. What the types in a JSON column's parentheses make of their "
         "values is ClickHouse's too.\n" +
         table_of(testing::composite_json_types()) +
         fmt::format(
             "\n## Not supported yet\n\nA column of these types needs a DEFAULT, with which "
             "the table fills it in: {}.\n",
             fmt::join(others, ", "));
}

/// FRESHET_WRITE_REFERENCE=1 writes the page instead.
TEST(JsonTypesReference, the_committed_page_is_the_one_made_from_the_cases) {
  const auto path = freshet::testing::source_tree() / "docs" / "reference" / "json-types.md";
  if (std::getenv("FRESHET_WRITE_REFERENCE") != nullptr) {
    std::ofstream(path, std::ios::binary) << reference_page();
  }
  std::ifstream file(path, std::ios::binary);
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(page, reference_page())
      << path.string() << " is stale; write it anew: FRESHET_WRITE_REFERENCE=1 "
      << "build/release/pipeline_engine_test --gtest_filter='JsonTypesReference.*'";
}

}  // namespace
}  // namespace freshet::pipeline
