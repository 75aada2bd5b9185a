#include "app/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::app {

Listing two_rows() {
  Listing listing({{"topic", "topic"}, {"records", "records"}, {"exact", ""}});
  listing.add({std::string("événements"), int64_t{1'000'000}, true});
  listing.add({std::string("a"), std::monostate{}, false});
  return listing;
}

TEST(Listing, aligns_numbers_right_and_counts_code_points) {
  EXPECT_EQ(two_rows().print(OutputFormat::kTable),
            "topic         records\n"
            "événements  1,000,000\n"
            "a                   -\n");
}

TEST(Listing, prints_json_that_is_one_array_and_ndjson_that_is_lines) {
  EXPECT_EQ(two_rows().print(OutputFormat::kJson),
            "[\n"
            "  {\"topic\":\"événements\",\"records\":1000000,\"exact\":true},\n"
            "  {\"topic\":\"a\",\"records\":null,\"exact\":false}\n"
            "]\n");
  EXPECT_EQ(two_rows().print(OutputFormat::kNdjson),
            "{\"topic\":\"événements\",\"records\":1000000,\"exact\":true}\n"
            "{\"topic\":\"a\",\"records\":null,\"exact\":false}\n");
  EXPECT_EQ(Listing({{"a", "a"}}).print(OutputFormat::kJson), "[]\n");
}

TEST(Listing, a_table_shows_no_control_characters_of_records) {
  Listing listing({{"path", "path"}, {"value", "value"}});
  listing.add({std::string("a\x1b[2J"), std::string("x\ny\x7f")});
  EXPECT_EQ(listing.print(OutputFormat::kTable),
            "path   value\n"
            "a [2J  x y\n");
}

TEST(Listing, quotes_what_json_cannot_hold) {
  EXPECT_EQ(json_quoted("a\"b\\c\nd\x01"), "\"a\\\"b\\\\c\\nd\\u0001\"");
  EXPECT_EQ(json_quoted("x\xFFy\xC3"), "\"x\\ufffdy\\ufffd\"");
}

TEST(Listing, separates_thousands) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(-123456), "-123,456");
  EXPECT_EQ(with_thousands(1234567), "1,234,567");
}

}  // namespace freshet::app
