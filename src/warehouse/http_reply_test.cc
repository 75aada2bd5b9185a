#include "warehouse/http_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "warehouse/clickhouse_error.h"
#include "warehouse/compressed_block.h"

namespace freshet::warehouse {
namespace {

using ::testing::HasSubstr;

io::HttpReply reply(unsigned status, io::HttpHeaders headers, std::string body) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

TEST(HttpReply, that_is_well_carries_no_error) {
  const auto good =
      reply(200, {{"X-ClickHouse-Summary", R"({"read_rows":"1","written_rows":"42"})"}}, "");
  EXPECT_EQ(error_of_clickhouse_reply(good, "http://ch"), std::nullopt);
  EXPECT_EQ(summary_number(good, "written_rows"), 42U);
  EXPECT_EQ(summary_number(good, "result_rows"), 0U);
}

TEST(HttpReply, of_an_error_keeps_number_and_text_however_they_come) {
  const std::string text = "Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)";
  std::string packed;
  append_compressed_blocks(text, packed);
  for (const std::string& body : {text, packed}) {
    const auto error = error_of_clickhouse_reply(
        reply(500, {{"X-ClickHouse-Exception-Code", "252"}}, body), "http://ch:8123");
    ASSERT_TRUE(error);
    EXPECT_EQ(clickhouse_code(*error), 252);
    EXPECT_EQ(error->code(), Errc::kUnavailable);
    EXPECT_THAT(error->message(), HasSubstr("http://ch:8123: ClickHouse error 252"));
  }
  // The number alone, when a proxy took the text away.
  const auto bare =
      error_of_clickhouse_reply(reply(404, {{"x-clickhouse-exception-code", "60"}}, "gone"), "x");
  ASSERT_TRUE(bare);
  EXPECT_EQ(clickhouse_code(*bare), 60);
  EXPECT_EQ(bare->code(), Errc::kNotFound);
}

TEST(HttpReply, with_status_200_may_carry_an_error_too) {
  const auto error = error_of_clickhouse_reply(
      reply(200, {{"X-ClickHouse-Exception-Code", "241"}}, "Code: 241. DB::Exception: Memory (M)"),
      "x");
  ASSERT_TRUE(error);
  EXPECT_EQ(clickhouse_code(*error), 241);
}

TEST(HttpReply, of_somebody_else_is_never_taken_for_success) {
  for (const unsigned status : {200U, 301U, 403U, 502U}) {
    const auto error = error_of_clickhouse_reply(
        reply(status, {{"Server", "nginx"}}, "<html>\nhello"), "http://x");
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), Errc::kUnavailable);
    EXPECT_THAT(error->message(), HasSubstr("without a word of ClickHouse"));
    EXPECT_THAT(error->message(), HasSubstr("<html> hello"));
  }
}

TEST(HttpReply, about_a_request_that_arrived_damaged_says_nothing_about_rows) {
  for (const int code : {32, 33, 40, 271, 354}) {
    const auto error = error_of_clickhouse_reply(
        reply(400, {{"X-ClickHouse-Exception-Code", std::to_string(code)}},
              "Code: " + std::to_string(code) + ". DB::Exception: Cannot read all data (X_X_X_X)"),
        "http://ch");
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), Errc::kUnavailable);
    EXPECT_EQ(clickhouse_code(*error), std::nullopt);
  }
}

TEST(LateError, stands_at_the_end_of_what_was_sent_already) {
  const std::string text = "Code: 241. DB::Exception: Memory limit. (MEMORY_LIMIT_EXCEEDED)";
  const std::string body = "rows rows\r\n__exception__\r\nabcdefgh\r\n" + text +
                           std::to_string(text.size()) + " abcdefgh\r\n__exception__\r\n";
  const auto error = late_clickhouse_error(body, "abcdefgh");
  ASSERT_TRUE(error);
  EXPECT_EQ(clickhouse_code(*error), 241);
  EXPECT_EQ(late_clickhouse_error(body, ""), std::nullopt);
  EXPECT_EQ(late_clickhouse_error(body, "another"), std::nullopt);
}

}  // namespace
}  // namespace freshet::warehouse
