// Arrays and objects as values of columns, through the whole decoder.
#include "decode/value_tree.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode/json_decoder.h"
#include "decode/testing/shown_value.h"

namespace freshet::decode {
namespace {

using enum RejectReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

JsonColumn column(std::string_view name, std::string_view type, std::string_view path = {}) {
  return {.field = {std::string(name), parse_clickhouse_type(type).value()},
          .path = parse_json_path(path.empty() ? name : path).value()};
}

struct Decoded {
  std::vector<std::vector<std::string>> rows;
  std::vector<Reject> rejects;
};

Decoded decode_all(JsonPlan plan, const std::vector<std::string>& values) {
  auto decoder = JsonDecoder::create(std::move(plan));
  EXPECT_TRUE(decoder) << decoder.error().message();
  std::vector<RecordView> records;
  for (const auto& value : values) {
    records.push_back({.offset = Offset(static_cast<int64_t>(100 + records.size())),
                       .timestamp_ms = 1'758'191'400'123,
                       .key = std::nullopt,
                       .value = value,
                       .headers = {}});
  }
  ColumnBatch out(decoder->schema());
  Decoded decoded;
  decoder->decode(records, {.topic = "events", .partition = 3}, out, decoded.rejects);
  for (size_t row = 0; row < out.rows(); ++row) {
    auto& texts = decoded.rows.emplace_back();
    for (size_t i = 0; i < out.column_count(); ++i) {
      texts.push_back(testing::shown(out.column(i), row));
    }
  }
  for (size_t i = 0; i < out.column_count(); ++i) EXPECT_EQ(out.column(i).size(), out.rows());
  return decoded;
}

/// The stored value, or the reason and path of the reject.
std::string decoded(std::string_view type, const std::string& json, bool strict = false) {
  // Between good neighbours, so that the value is met by both walks and leaves nothing behind.
  const std::string good = R"({"before":1})";
  const std::string record = fmt::format(R"({{"before":1,"v":{}}})", json);
  std::string shown;
  for (const size_t run_bytes : {size_t{0}, JsonPlan{}.run_bytes}) {
    JsonPlan plan{.columns = {column("before", "UInt8"), column("v", type)},
                  .elements_needed = strict,
                  .run_bytes = run_bytes};
    if (strict) plan.unknown_fields = UnknownFieldPolicy::kReject;
    const auto all = decode_all(std::move(plan), {good, record, record, good, record});
    EXPECT_EQ(all.rows.size() + all.rejects.size(), 5U);
    std::string now;
    if (all.rejects.empty()) {
      now = all.rows[1][1];
      EXPECT_EQ(all.rows[2][1], now);
      EXPECT_EQ(all.rows[4][1], now);
      EXPECT_EQ(all.rows[0][1], all.rows[3][1]);
    } else {
      EXPECT_EQ(all.rejects.size(), 3U) << json;
      const Reject& reject = all.rejects[0];
      EXPECT_EQ(all.rejects[2].detail, reject.detail);
      EXPECT_LE(reject.detail.size(), 300U);
      now = fmt::format("{} at {}", reject_reason_name(reject.reason), reject.path);
    }
    EXPECT_TRUE(shown.empty() || shown == now) << shown << " / " << now;
    shown = now;
  }
  return shown;
}

TEST(ValueTree, arrays_take_arrays) {
  EXPECT_EQ(decoded("Array(UInt8)", "[]"), "[]");
  EXPECT_EQ(decoded("Array(UInt8)", " [ 1 , 2 ,3] "), "[1 2 3]");
  EXPECT_EQ(decoded("Array(String)", R"(["a","b\n",""])"), "[a b\n ]");
  EXPECT_EQ(decoded("Array(LowCardinality(Nullable(String)))", R"(["a",null,"a"])"), "[a NULL a]");
  EXPECT_EQ(decoded("Array(Array(Nullable(Int32)))", "[[1,null],[],[-3]]"), "[[1 NULL] [] [-3]]");
  EXPECT_EQ(decoded("Array(LowCardinality(FixedString(2)))", R"(["de","de"])"), "[6465 6465]");
  EXPECT_EQ(decoded("Array(LowCardinality(Nullable(UInt8)))", "[1,null,1]"), "[1 NULL 1]");
  EXPECT_EQ(decoded("Array(Decimal(9, 2))", "[1.5,2]"), "[150 200]");
  EXPECT_EQ(decoded("Array(Decimal(9, 2))", "[1.5,0.005]"), "out_of_range at v.1");
  EXPECT_EQ(decoded("Array(UInt8)", "[1,300]"), "out_of_range at v.1");
  EXPECT_EQ(decoded("Array(UInt8)", "[1,null]"), "null_not_allowed at v.1");
  EXPECT_EQ(decoded("Array(Array(UInt8))", "[[1],[2,\"x\"]]"), "wrong_type at v.1.1");
  EXPECT_EQ(decoded("Array(UInt8)", "null"), "null_not_allowed at v");
  EXPECT_EQ(decoded("Array(UInt8)", "7"), "wrong_type at v");
  EXPECT_EQ(decoded("Array(UInt8)", "{}"), "wrong_type at v");
  EXPECT_EQ(decoded("Array(UInt8)", "\"[1]\""), "wrong_type at v");
  EXPECT_EQ(decoded("Array(UInt8)", "[1,]"), "malformed at v.1");
  EXPECT_EQ(decoded("Array(UInt8)", "[1 2]"), "malformed at v");
  EXPECT_EQ(decoded("Array(UInt8)", "[,1]"), "malformed at v.0");
  EXPECT_EQ(decoded("Array(UInt8)", "[1"), "malformed at v");
  EXPECT_EQ(decoded("Array(UInt8)", "["), "malformed at v.0");
}

TEST(ValueTree, tuples_take_objects_by_name_and_arrays_by_position) {
  const std::string named = "Tuple(id UInt32, name String, at Nullable(Date))";
  EXPECT_EQ(decoded(named, R"({"id":1,"name":"n","at":"1970-01-02"})"), "(1 n 1)");
  EXPECT_EQ(decoded(named, R"({"at":null,"name":"n","id":1})"), "(1 n NULL)");
  EXPECT_EQ(decoded(named, R"({"n\u0061me":"n","id":1})"), "(1 n NULL)");
  EXPECT_EQ(decoded(named, R"({})"), "(0  NULL)");
  EXPECT_EQ(decoded(named, R"({"x":{"y":[]},"id":2})"), "(2  NULL)");
  EXPECT_EQ(decoded("Tuple(`\\\\u0061` UInt8)", R"({"\u0061":1})"), "(0)");  // another name
  EXPECT_EQ(decoded("Tuple(`\\\\u0061` UInt8)", R"({"\\u0061":1})"), "(1)");
  EXPECT_EQ(decoded(named, R"({"\ud800":1})"), "invalid_utf8 at v.\\\\ud800");
  EXPECT_EQ(decoded(named, R"({"id":-1})"), "out_of_range at v.id");
  EXPECT_EQ(decoded(named, R"({"id":1,"id":1})"), "duplicate_key at v.id");
  EXPECT_EQ(decoded(named, R"({"id":1,"\u0069d":1})"), "duplicate_key at v.id");
  EXPECT_EQ(decoded(named, R"({"x":1,"x":1})"), "duplicate_key at v.x");
  EXPECT_EQ(decoded(named, R"({"x":tru})"), "malformed at v.x");
  EXPECT_EQ(decoded(named, R"([1,"n",null])"), "wrong_type at v");
  EXPECT_EQ(decoded(named, R"({"id":1,"name":"n","at":null})", true), "(1 n NULL)");
  EXPECT_EQ(decoded(named, R"({"id":1,"at":null})", true), "missing_field at v.name");
  EXPECT_EQ(decoded(named, R"({"id":1,"more":2})", true), "unknown_field at v.more");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", R"([1,"x"])"), "(1 x)");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", "[1]"), "wrong_type at v");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", R"([1,"x",2])"), "wrong_type at v");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", "[]"), "wrong_type at v");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", R"([1,2])"), "wrong_type at v.1");
  EXPECT_EQ(decoded("Tuple(UInt8, String)", R"({"1":1,"2":"x"})"), "wrong_type at v");
  EXPECT_EQ(decoded("Array(Tuple(a UInt8, b Array(String)))",
                    R"([{"a":1,"b":["x"]},{"b":[],"a":2},{"a":3}])"),
            "[(1 [x]) (2 []) (3 [])]");
  EXPECT_EQ(decoded("Array(Tuple(a UInt8, b Array(String)))", R"([{"a":1,"b":["x"]},{"b":[7]}])"),
            "wrong_type at v.1.b.0");
  EXPECT_EQ(decoded("Point", "[1.5,-2]"), "(1.5 -2)");
  EXPECT_EQ(decoded("Polygon", "[[[0,0],[1,0],[1,1]]]"), "[[(0 0) (1 0) (1 1)]]");
}

TEST(ValueTree, maps_take_objects) {
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a":1,"b":2})"), "{a:1 b:2}");
  EXPECT_EQ(decoded("Map(String, UInt8)", "{}"), "{}");
  EXPECT_EQ(decoded("Map(LowCardinality(String), Array(String))", R"({"a":["x"],"":[]})"),
            "{a:[x] :[]}");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"\u0061":1})"), "{a:1}");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a":1,"\u0061":2})"), "duplicate_key at v.a");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a\u0000b":1,"a":2})"),
            std::string("{a\0b:1 a:2}", 11));
  EXPECT_EQ(decoded("Map(Int16, String)", R"({"-7":"x","300":"y"})"), "{-7:x 300:y}");
  EXPECT_EQ(decoded("Map(Int16, String)", R"({"x":"y"})"), "wrong_type at v.x");
  EXPECT_EQ(decoded("Map(Int16, String)", R"({"40000":"y"})"), "out_of_range at v.40000");
  EXPECT_EQ(decoded("Map(Date, Bool)", R"({"1970-01-02":true})"), "{1:1}");
  EXPECT_EQ(decoded("Map(Bool, UInt8)", R"({"true":1,"false":2})"), "{1:1 0:2}");
  EXPECT_EQ(decoded("Map(Bool, UInt8)", R"({"1":1})"), "wrong_type at v.1");
  EXPECT_EQ(decoded("Map(Enum8('a' = 5), UInt8)", R"({"a":1})"), "{5:1}");
  EXPECT_EQ(decoded("Map(Enum8('a' = 5), UInt8)", R"({"5":1})"), "out_of_range at v.5");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a":"1"})"), "wrong_type at v.a");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a":1,})"), "malformed at v");
  EXPECT_EQ(decoded("Map(String, UInt8)", R"({"a" 1})"), "malformed at v");
  EXPECT_EQ(decoded("Map(String, UInt8)", "[]"), "wrong_type at v");
  EXPECT_EQ(decoded("Map(String, Map(String, UInt8))", R"({"a":{"b":1},"c":{}})"),
            "{a:{b:1} c:{}}");
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += fmt::format(R"("key {}":{},)", i, i);
  EXPECT_EQ(decoded("Map(String, UInt8)", many + R"("key 57":1})"), "duplicate_key at v.key 57");
}

TEST(ValueTree, keys_of_a_map_are_the_same_if_their_values_are) {
  EXPECT_EQ(decoded("Map(Int16, UInt8)", R"({"0":1,"-0":2})"), "duplicate_key at v.-0");
  EXPECT_EQ(decoded("Map(Decimal(9, 1), UInt8)", R"({"1":1,"1.0":2})"), "duplicate_key at v.1\\.0");
  EXPECT_EQ(decoded("Map(IPv6, UInt8)", R"({"::1":1,"0::1":2})"), "duplicate_key at v.0::1");
  EXPECT_EQ(decoded("Map(DateTime('UTC'), UInt8)",
                    R"({"1970-01-01T01:00:00+01:00":1,"1970-01-01T00:00:00Z":2})"),
            "duplicate_key at v.1970-01-01T00:00:00Z");
  EXPECT_EQ(decoded("Map(Int16, Map(Int16, UInt8))", R"({"1":{"1":1},"2":{"1":2}})"),
            "{1:{1:1} 2:{1:2}}");
}

TEST(ValueTree, what_a_value_does_not_spell_out_has_a_limit) {
  const auto paths = [](std::string_view type, const std::vector<std::string>& values) {
    JsonPlan plan{.columns = {column("v", type)}};
    plan.limits.default_bytes_max = 100;
    std::vector<std::string> found;
    for (const Reject& reject : decode_all(plan, values).rejects) {
      EXPECT_EQ(reject.reason, kTooLarge);
      EXPECT_THAT(reject.detail, HasSubstr("more than 100 bytes"));
      found.push_back(reject.path);
    }
    return found;
  };
  const std::string tuple = "Array(Tuple(a FixedString(40), b UInt8))";
  EXPECT_THAT(paths(tuple, {R"({"v":[{},{}]})", R"({"v":[{},{},{}]})", R"({"v":[{},{}]})"}),
              ElementsAre("v.2"));
  EXPECT_THAT(paths("Array(Nullable(FixedString(40)))",
                    {R"({"v":[null,null]})", R"({"v":[null,null,null]})"}),
              ElementsAre("v.2"));
  const std::string spelled(40, 'x');
  EXPECT_THAT(paths("Array(FixedString(40))",
                    {fmt::format(R"({{"v":["{0}","{0}","{0}","{0}"]}})", spelled)}),
              ElementsAre());
}

TEST(ValueTree, arrays_may_be_as_long_as_a_record) {
  std::string record = R"({"v":[0)";
  for (int i = 1; i < 100'000; ++i) record += fmt::format(",{}", i % 10);
  record += "]}";
  JsonPlan plan{.columns = {column("v", "Array(UInt64)")}};
  auto decoder = JsonDecoder::create(plan).value();
  const std::vector<RecordView> records(2, {.offset = Offset(0),
                                            .timestamp_ms = 0,
                                            .key = std::nullopt,
                                            .value = record,
                                            .headers = {}});
  ColumnBatch out(decoder.schema());
  std::vector<Reject> rejects;
  decoder.decode(records, {.topic = "events", .partition = 0}, out, rejects);
  EXPECT_EQ(out.rows(), 2U);
  EXPECT_EQ(out.column(0).child().size(), 200'000U);
  EXPECT_EQ(out.column(0).child().fixed<uint64_t>()[199'999], 9U);
}

TEST(ValueTree, json_columns_take_the_text_of_objects) {
  EXPECT_EQ(decoded("JSON", R"({"a":[1,{"b":null}],"c":"x\n"})"),
            R"({"a":[1,{"b":null}],"c":"x\n"})");
  EXPECT_EQ(decoded("JSON(max_dynamic_paths=8)", " { } "), "{ }");
  EXPECT_EQ(decoded("Nullable(JSON)", "null"), "NULL");
  EXPECT_EQ(decoded("Array(JSON)", R"([{"a":1},{}])"), R"([{"a":1} {}])");
  EXPECT_EQ(decoded("JSON", "null"), "null_not_allowed at v");
  EXPECT_EQ(decoded("JSON", "[1]"), "wrong_type at v");
  EXPECT_EQ(decoded("JSON", R"("{}")"), "wrong_type at v");
  EXPECT_EQ(decoded("JSON", R"({"a":{"b":1,"b":2}})"), "duplicate_key at v");
  EXPECT_EQ(decoded("JSON", R"({"a":01})"), "malformed at v");
  EXPECT_EQ(decoded("JSON", R"({"a":[18446744073709551615,-9223372036854775808,1e308]})"),
            R"({"a":[18446744073709551615,-9223372036854775808,1e308]})");
  for (const auto* number : {"18446744073709551616", "-9223372036854775809", "1e309", "1e-400"}) {
    EXPECT_EQ(decoded("JSON", fmt::format(R"({{"a":[{}]}})", number)), "out_of_range at v");
    EXPECT_EQ(decoded("UInt8", fmt::format(R"(1,"more":{{"a":[{}]}})", number)), "1");
  }
  EXPECT_EQ(decoded("JSON", R"({"a":"\ud800"})"), "invalid_utf8 at v");
}

TEST(ValueTree, depth_is_limited_inside_values_too) {
  JsonPlan plan{.columns = {column("v", "Array(Array(Array(UInt8)))")}};
  plan.limits.depth_max = 3;
  auto decoded = decode_all(plan, {R"({"v":[[]]})", R"({"v":[[[]]]})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].reason, kTooDeep);
  EXPECT_EQ(decoded.rejects[0].path, "v.0.0");
  plan.columns = {column("v", "JSON")};
  decoded = decode_all(plan, {R"({"v":{"a":[1]}})", R"({"v":{"a":[[1]]}})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].reason, kTooDeep);
  std::string deep(5000, '[');
  plan.limits.depth_max = 1000;
  plan.columns = {column("v", "Array(JSON)")};
  decoded = decode_all(plan, {fmt::format(R"({{"v":[{{"a":{}]}})", deep)});
  EXPECT_EQ(decoded.rejects.size(), 1U);
}

JsonPlan nested_plan(std::string_view path = "items") {
  JsonPlan plan{.columns = {column("id", "UInt32"), column("items.sku", "Array(String)", path),
                            column("items.n", "Array(UInt8)", path),
                            column("items.tags", "Array(Array(String))", path)}};
  for (size_t i = 1; i < plan.columns.size(); ++i) {
    plan.columns[i].nested_member = plan.columns[i].field.name.substr(6);
  }
  return plan;
}

TEST(ValueTree, columns_of_a_nested_take_the_members_of_an_array_of_objects) {
  const auto decoded = decode_all(
      nested_plan(), {R"({"id":1,"items":[{"sku":"a","n":1,"tags":["x"]},{"sku":"b","n":2}]})",
                      R"({"id":2,"items":[]})", R"({"id":3})", R"({"items":[{"n":7}],"id":4})"});
  EXPECT_THAT(decoded.rows,
              ElementsAre(ElementsAre("1", "[a b]", "[1 2]", "[[x] []]"),
                          ElementsAre("2", "[]", "[]", "[]"), ElementsAre("3", "[]", "[]", "[]"),
                          ElementsAre("4", "[]", "[7]", "[[]]")));
}

TEST(ValueTree, columns_of_a_nested_may_have_got_different_lengths_before) {
  auto plan = nested_plan();
  plan.columns[1].missing = MissingPolicy::kConstant;
  plan.columns[1].constant = R"(["x","y"])";
  const auto decoded = decode_all(
      plan, {R"({"id":1})", R"({"id":2,"items":[{"n":7,"sku":"a"}]})", R"({"id":3,"items":[]})"});
  EXPECT_THAT(decoded.rows, ElementsAre(ElementsAre("1", "[x y]", "[]", "[]"),
                                        ElementsAre("2", "[a]", "[7]", "[[]]"),
                                        ElementsAre("3", "[]", "[]", "[]")));
}

TEST(ValueTree, a_nested_that_does_not_fit_leaves_nothing_behind) {
  auto plan = nested_plan("order.items");
  plan.elements_needed = true;
  const std::string good = R"({"id":9,"order":{"items":[{"sku":"a","n":1,"tags":[]}]}})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"([{"sku":"a","n":1,"tags":[]},{"sku":"b","n":300,"tags":[]}])", "order.items.1.n"},
      {R"([{"sku":"a","n":1}])", "order.items.0.tags"},
      {R"([{"sku":"a","sku":"a"}])", "order.items.0.sku"},
      {R"([1])", "order.items.0"},
      {R"({"sku":["a"]})", "order.items"},
      {R"(null)", "order.items"},
      {R"([{"sku":"a","n":1,"tags":["x",2]}])", "order.items.0.tags.1"},
      {R"([{"sku":"a","n":1,"tags":[]})", "order.items"},
  };
  std::vector<std::string> records;
  for (const auto& [items, path] : cases) {
    records.push_back(good);
    records.push_back(fmt::format(R"({{"id":1,"order":{{"items":{}}}}})", items));
  }
  records.push_back(good);
  for (const size_t run_bytes : {size_t{0}, JsonPlan{}.run_bytes}) {
    plan.run_bytes = run_bytes;
    const auto decoded = decode_all(plan, records);
    ASSERT_EQ(decoded.rejects.size(), cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(decoded.rejects[i].path, cases[i].second) << decoded.rejects[i].detail;
    }
    ASSERT_EQ(decoded.rows.size(), cases.size() + 1);
    for (const auto& row : decoded.rows) EXPECT_THAT(row, ElementsAre("9", "[a]", "[1]", "[[]]"));
  }
}

TEST(ValueTree, missing_values_become_the_constant_or_the_default) {
  JsonPlan plan{.columns = {column("id", "UInt8"), column("a", "Array(Int8)"),
                            column("m", "Map(String, Array(UInt8))"), column("j", "JSON"),
                            column("t", "Tuple(x UInt8, e Enum8('b' = 2, 'a' = 1))")}};
  auto decoded = decode_all(plan, {R"({"id":1})"});
  EXPECT_THAT(decoded.rows, ElementsAre(ElementsAre("1", "[]", "{}", "{}", "(0 1)")));
  for (auto& missing : plan.columns) missing.missing = MissingPolicy::kConstant;
  plan.columns[0].constant = "7";
  plan.columns[1].constant = "[-1,2]";
  plan.columns[2].constant = R"({"a":[1]})";
  plan.columns[3].constant = R"({"a":1})";
  plan.columns[4].constant = R"({"x":3,"e":"b"})";
  decoded = decode_all(plan, {R"({})", R"({"a":[5]})", R"({"a":["x"]})", R"({})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_THAT(decoded.rows,
              ElementsAre(ElementsAre("7", "[-1 2]", "{a:[1]}", R"({"a":1})", "(3 2)"),
                          ElementsAre("7", "[5]", "{a:[1]}", R"({"a":1})", "(3 2)"),
                          ElementsAre("7", "[-1 2]", "{a:[1]}", R"({"a":1})", "(3 2)")));
  for (const auto* bad : {"[1", "[300]", "[1] 2", "{}", ""}) {
    plan.columns[1].constant = bad;
    EXPECT_FALSE(JsonDecoder::create(plan)) << bad;
  }
}

TEST(ValueTree, one_value_may_fill_several_columns) {
  const JsonPlan plan{.columns = {column("tags", "Array(String)"),
                                  column("copy", "Array(LowCardinality(String))", "tags"),
                                  column("o", "JSON", "o"), column("p", "JSON", "o")}};
  const auto decoded = decode_all(plan, {R"({"tags":["a","b"],"o":{"x":1}})",
                                         R"({"tags":["c"],"o":{}})", R"({"o":{},"tags":[7]})"});
  EXPECT_THAT(decoded.rows, ElementsAre(ElementsAre("[a b]", "[a b]", R"({"x":1})", R"({"x":1})"),
                                        ElementsAre("[c]", "[c]", "{}", "{}")));
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].path, "tags.0");
}

TEST(ValueTree, details_name_the_element_and_its_type) {
  const JsonPlan plan{.columns = {column("items", "Array(Tuple(price Decimal(9, 2)))")}};
  const auto decoded = decode_all(plan, {R"({"items":[{"price":1.5},{"price":"free"}]})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].path, "items.1.price");
  EXPECT_EQ(decoded.rejects[0].detail,
            R"(expected a value of type Decimal(9, 2) for column items, found "free")");
}

TEST(ValueTree, details_show_a_nested_as_the_array_that_it_takes) {
  const auto decoded = decode_all(nested_plan(), {R"({"items":7})", R"({"items":[7]})"});
  ASSERT_EQ(decoded.rejects.size(), 2U);
  EXPECT_EQ(decoded.rejects[0].detail,
            "expected a value of type Array(Tuple(sku String, n UInt8, tags Array(String))) for "
            "column items.sku, found 7");
  EXPECT_EQ(decoded.rejects[1].detail,
            "expected a value of type Tuple(sku String, n UInt8, tags Array(String)) for column "
            "items.sku, found 7");
}

TEST(ValueTree, refuses_plans_that_cannot_be) {
  const auto refused = [](JsonPlan plan) {
    const auto decoder = JsonDecoder::create(std::move(plan));
    return decoder ? std::string() : decoder.error().message();
  };
  auto plan = nested_plan();
  plan.columns.push_back(column("other", "String", "items"));
  EXPECT_THAT(refused(plan), HasSubstr("column other: path items leads to the objects"));
  plan = nested_plan();
  plan.columns[2].nested_member = "sku";
  EXPECT_THAT(refused(plan), HasSubstr("another member"));
  plan = nested_plan();
  plan.columns[1].field.type = parse_clickhouse_type("String").value();
  EXPECT_THAT(refused(plan), HasSubstr("a column of a Nested is an Array, not String"));
  EXPECT_THAT(refused({.columns = {column("a", "JSON", "x"), column("b", "String", "x.y")}}),
              HasSubstr("column b"));
}

}  // namespace
}  // namespace freshet::decode
