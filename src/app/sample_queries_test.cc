#include "app/sample_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::app {

TEST(SampleQueries, takes_titles_from_the_comment_before_a_statement) {
  const auto queries = parse_sample_queries(
      "-- What this file is.\n\n"
      "-- How many events?\nSELECT count()\nFROM t;\n\n"
      "SELECT ';' AS semicolon, 1;\n"
      "-- the last needs no semicolon\nSELECT 2\n");
  ASSERT_EQ(queries.size(), 3U);
  EXPECT_EQ(queries[0].title, "How many events?");
  EXPECT_EQ(queries[0].sql, "SELECT count()\nFROM t");
  EXPECT_EQ(queries[1].title, "");
  EXPECT_EQ(queries[1].sql, "SELECT ';' AS semicolon, 1");
  EXPECT_EQ(queries[2].sql, "SELECT 2");
}

TEST(SampleQueries, an_example_without_them_has_none) {
  const auto queries = read_sample_queries("/nonexistent/platform.yaml");
  ASSERT_TRUE(queries.has_value());
  EXPECT_THAT(*queries, testing::IsEmpty());
}

}  // namespace freshet::app
