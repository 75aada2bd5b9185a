// Nested records of the real world: the 100 statuses of twitter.json, which scripts/setup fetches
// where the Go toolchain is installed. Expected values are Python's, of the same file:
//   json.load(file)["statuses"], path by path; a key that is not there counts as null.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <fstream>
#include <iterator>

#include "base/testing/source_tree.h"
#include "decode/json_decoder.h"

namespace freshet::decode {
namespace {

struct Expected {
  std::string_view path;
  std::string_view type;
  size_t nulls;
  uint64_t digest;  // integers: their sum modulo 2^64; text: FNV-1a of all values in a row
};

constexpr Expected kColumns[] = {
    {"id", "UInt64", 0, 13693999927316377398U},
    {"id_str", "String", 0, 0x0f442748056284cfU},
    {"text", "String", 0, 0x04aaeb5e5a345c6eU},
    {"lang", "LowCardinality(String)", 0, 0xa95465a10563219dU},
    {"metadata.iso_language_code", "LowCardinality(String)", 0, 0xa95465a10563219dU},
    {"user.screen_name", "String", 0, 0x7bdd215a7e862913U},
    {"user.name", "String", 0, 0xef7a9e5bebb25471U},
    {"user.description", "String", 0, 0xabadebb25a7ed207U},
    {"user.followers_count", "UInt16", 0, 52'184},
    {"user.utc_offset", "Nullable(Int32)", 81, 460'800},
    {"user.time_zone", "Nullable(String)", 81, 0xa473bc4bd3e268efU},
    {"user.verified", "Bool", 0, 0},
    {"user.profile_banner_url", "Nullable(String)", 14, 0x0493970481b5a374U},
    {"in_reply_to_status_id", "Nullable(UInt64)", 94, 3'035'200'954'372'530'200U},
    {"in_reply_to_user_id", "Nullable(UInt32)", 91, 9'579'860'320U},
    {"possibly_sensitive", "Nullable(Bool)", 85, 0},
    {"place.country", "Nullable(String)", 100, 0xcbf29ce484222325U},
    {"retweeted_status.id", "Nullable(Int64)", 27, 18'410'554'557'246'385'464U},
    {"retweeted_status.user.screen_name", "Nullable(String)", 27, 0x15fe9d53b26462ecU},
    {"retweeted_status.retweet_count", "Nullable(UInt32)", 27, 7122},
};

std::vector<std::string> read_statuses(const std::filesystem::path& path) {
  const auto file = simdjson::padded_string::load(path.string());
  simdjson::ondemand::parser parser;
  auto document = parser.iterate(file);
  std::vector<std::string> statuses;
  for (simdjson::ondemand::object status : document["statuses"].get_array()) {
    statuses.emplace_back(std::string_view(status.raw_json()));
  }
  return statuses;
}

class Statuses : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = freshet::testing::source_tree() / ".deps" / "sonic-v1.14.1" / "twitter.json";
    if (!std::filesystem::exists(path)) {
      GTEST_SKIP() << path.string() << " is not there: install golang-go, then run scripts/setup";
    }
    statuses_ = read_statuses(path);
    ASSERT_EQ(statuses_.size(), 100U);
  }

  std::vector<Reject> decode(const std::vector<Expected>& columns, size_t run_bytes,
                             std::unique_ptr<ColumnBatch>& out) {
    JsonPlan plan{.columns = {}, .run_bytes = run_bytes};
    for (const Expected& column : columns) {
      plan.columns.push_back({.field = {.name = std::string(column.path),
                                        .type = parse_clickhouse_type(column.type).value()},
                              .path = parse_json_path(column.path).value()});
    }
    auto decoder = JsonDecoder::create(std::move(plan)).value();
    std::vector<RecordView> records;
    for (const std::string& status : statuses_) {
      records.push_back({.offset = Offset(static_cast<int64_t>(records.size())),
                         .timestamp_ms = 0,
                         .key = std::nullopt,
                         .value = status,
                         .headers = {}});
    }
    out = std::make_unique<ColumnBatch>(decoder.schema());
    std::vector<Reject> rejects;
    decoder.decode(records, {.topic = "statuses", .partition = 0}, *out, rejects);
    return rejects;
  }

  std::vector<std::string> statuses_;
};

uint64_t integer_at(const Column& column, size_t row) {
  switch (fixed_width(column.type())) {
    case 1:
      return column.fixed<uint8_t>()[row];
    case 2:
      return column.fixed<uint16_t>()[row];
    case 4: {
      const auto bits = column.fixed<uint32_t>()[row];
      const bool is_signed = column.type().kind == ColumnKind::kInt32;
      return is_signed ? static_cast<uint64_t>(int64_t{static_cast<int32_t>(bits)}) : bits;
    }
    default:
      return column.fixed<uint64_t>()[row];
  }
}

uint64_t digest_of(const Column& column, size_t rows) {
  const auto kind = column.type().kind;
  const bool text = kind == ColumnKind::kString || kind == ColumnKind::kLowCardinalityString;
  uint64_t digest = text ? 0xcbf29ce484222325U : 0;
  for (size_t row = 0; row < rows; ++row) {
    if (column.is_null(row)) continue;
    if (!text) {
      digest += integer_at(column, row);
      continue;
    }
    for (const char c : column.string_at(row)) {
      digest = (digest ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
    }
  }
  return digest;
}

TEST_F(Statuses, nested_values_are_what_another_parser_sees) {
  for (const size_t run_bytes : {size_t{0}, size_t{1 << 16}, size_t{1 << 20}}) {
    std::unique_ptr<ColumnBatch> rows;
    const auto rejects = decode({std::begin(kColumns), std::end(kColumns)}, run_bytes, rows);
    EXPECT_THAT(rejects, ::testing::IsEmpty());
    ASSERT_EQ(rows->rows(), 100U);
    for (size_t i = 0; i < std::size(kColumns); ++i) {
      SCOPED_TRACE(kColumns[i].path);
      size_t nulls = 0;
      for (size_t row = 0; row < rows->rows(); ++row) nulls += rows->column(i).is_null(row) ? 1 : 0;
      EXPECT_EQ(nulls, kColumns[i].nulls);
      EXPECT_EQ(digest_of(rows->column(i), rows->rows()), kColumns[i].digest);
    }
  }
}

TEST_F(Statuses, those_that_do_not_fit_are_rejected_at_the_nested_path) {
  std::unique_ptr<ColumnBatch> rows;
  const auto rejects =
      decode({{"user.followers_count", "UInt8", 0, 0}, {"retweeted_status.id", "UInt64", 0, 0}},
             JsonPlan{}.run_bytes, rows);
  EXPECT_EQ(rejects.size(), 48U);  // of more than 255 followers
  EXPECT_EQ(rows->rows(), 52U);
  for (const Reject& reject : rejects) {
    EXPECT_EQ(reject.reason, RejectReason::kOutOfRange);
    EXPECT_EQ(reject.path, "user.followers_count");
  }
}

TEST_F(Statuses, an_object_fits_no_column) {
  std::unique_ptr<ColumnBatch> rows;
  const auto rejects =
      decode({{"id", "UInt64", 0, 0}, {"user.entities.description", "String", 0, 0}},
             JsonPlan{}.run_bytes, rows);
  EXPECT_EQ(rejects.size(), 100U);
  EXPECT_EQ(rows->rows(), 0U);
}

}  // namespace
}  // namespace freshet::decode
