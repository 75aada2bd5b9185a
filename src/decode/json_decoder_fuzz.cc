// Any bytes as records: parsing them in runs must give what parsing each alone gives.
//
// The input is cut into records at every 0x00 byte. The same plan decodes them in one run, in small
// runs, and one by one; rows and rejects must be the same.
#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "decode/json_decoder.h"

namespace freshet::decode {
namespace {

JsonPlan plan(size_t run_bytes) {
  JsonPlan plan;
  const auto add = [&](std::string_view path, std::string_view type,
                       MissingPolicy missing = MissingPolicy::kDefault) {
    plan.columns.push_back({.field = {std::string(path), parse_clickhouse_type(type).value()},
                            .path = parse_json_path(path).value(),
                            .missing = missing});
  };
  add("s", "String");
  add("lc", "LowCardinality(Nullable(String))");
  add("i", "Nullable(Int16)");
  add("u", "UInt64");
  add("f", "Float64");
  add("g", "Nullable(Float32)");
  add("d", "Decimal(20, 3)");
  add("t", "DateTime64(3, 'UTC')", MissingPolicy::kRecordTime);
  add("day", "Date");
  add("b", "Bool");
  add("id", "Nullable(UUID)");
  add("o.n", "Nullable(Int32)");
  add("o.p.s", "Nullable(String)");
  add("w", "Nullable(Int256)");
  add("dd", "Nullable(Decimal(60, 20))");
  add("ip", "Nullable(IPv6)");
  add("e", "Enum8('a' = 1, 'b' = -2)");
  add("fs", "Nullable(FixedString(3))");
  add("arr", "Array(Array(Nullable(Int16)))");
  add("tup", "Tuple(x UInt8, y Array(LowCardinality(String)))");
  add("pair", "Array(Tuple(UInt8, String))");
  add("map", "Map(String, Map(Int16, String))");
  add("times", "Map(DateTime64(3), Bool)");
  add("js", "JSON");
  for (const std::string_view member : {"a", "b"}) {
    add("nest", member == "a" ? "Array(String)" : "Array(Array(UInt8))");
    plan.columns.back().field.name += fmt::format(".{}", member);
    plan.columns.back().nested_member = member;
  }
  plan.columns.push_back({.field = {"offset", parse_clickhouse_type("UInt64").value()},
                          .source = ColumnSource::kOffset});
  plan.limits = {.record_bytes_max = 4096, .depth_max = 8, .default_bytes_max = 256};
  plan.run_bytes = run_bytes;
  return plan;
}

struct Decoded {
  ColumnBatch rows;
  std::vector<Reject> rejects;
};

Decoded decode(JsonDecoder& decoder, const std::vector<RecordView>& records) {
  Decoded decoded{ColumnBatch(decoder.schema()), {}};
  decoder.decode(records, {.topic = "fuzz", .partition = 0}, decoded.rows, decoded.rejects);
  FRESHET_CHECK_EQ(decoded.rows.rows() + decoded.rejects.size(), records.size());
  return decoded;
}

void check_equal(const Column& left, const Column& right) {
  FRESHET_CHECK_EQ(left.size(), right.size());
  FRESHET_CHECK(std::ranges::equal(left.validity(), right.validity()), "{}",
                to_clickhouse_type(left.type()));
  FRESHET_CHECK_EQ(left.chars(), right.chars());
  FRESHET_CHECK(std::ranges::equal(left.offsets(), right.offsets()), "{}",
                to_clickhouse_type(left.type()));
  if (left.type().kind == ColumnKind::kLowCardinalityString) {
    for (size_t row = 0; row < left.size(); ++row) {
      FRESHET_CHECK_EQ(left.string_at(row), right.string_at(row));
    }
  } else {
    FRESHET_CHECK(std::ranges::equal(left.values(), right.values()), "{}",
                  to_clickhouse_type(left.type()));
  }
  for (size_t i = 0; i < left.child_count(); ++i) check_equal(left.child(i), right.child(i));
}

void check_equal(const Decoded& a, const Decoded& b) {
  FRESHET_CHECK_EQ(a.rejects.size(), b.rejects.size());
  for (size_t i = 0; i < a.rejects.size(); ++i) {
    FRESHET_CHECK_EQ(a.rejects[i].index, b.rejects[i].index);
    FRESHET_CHECK_EQ(reject_reason_name(a.rejects[i].reason),
                     reject_reason_name(b.rejects[i].reason));
    FRESHET_CHECK_EQ(a.rejects[i].path, b.rejects[i].path);
    FRESHET_CHECK_EQ(a.rejects[i].detail, b.rejects[i].detail);
  }
  for (size_t i = 0; i < a.rows.column_count(); ++i) {
    check_equal(a.rows.column(i), b.rows.column(i));
  }
}

}  // namespace
}  // namespace freshet::decode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  using namespace freshet::decode;
  std::vector<RecordView> records;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (true) {
    const size_t end = rest.find('\0');
    records.push_back({.offset = Offset(static_cast<int64_t>(records.size())),
                       .timestamp_ms = 1'758'191'400'123,
                       .key = std::nullopt,
                       .value = rest.substr(0, end),
                       .headers = {}});
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  auto in_runs = JsonDecoder::create(plan(JsonPlan{}.run_bytes)).value();
  auto in_small_runs = JsonDecoder::create(plan(100)).value();
  auto alone = JsonDecoder::create(plan(0)).value();
  const auto expected = decode::decode(alone, records);
  check_equal(decode::decode(in_small_runs, records), expected);
  check_equal(decode::decode(in_runs, records), expected);
  // Again, now that the order of keys is known.
  check_equal(decode::decode(in_runs, records), expected);
  return 0;
}
