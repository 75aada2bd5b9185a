#include "pipeline/range_sink.h"

#include <gtest/gtest.h>

#include <string>

#include "warehouse/clickhouse_error.h"

namespace freshet::pipeline {
namespace {

struct Case {
  int code;
  const char* text;
  Trouble trouble;
};

/// As ClickHouse 26.7 says it, and as it reaches the pipeline: with context before it.
Error said(const Case& one) {
  return warehouse::clickhouse_error(fmt::format("Code: {}. DB::Exception: {}", one.code, one.text))
      .with_context("table a.b: topic t partition 0 range 1-2");
}

TEST(ClickHouseRangeSink, what_is_no_fault_of_the_rows_is_retried_and_named) {
  const ClickHouseRangeSink sink(nullptr);
  const Case cases[] = {
      {252, "Too many parts (3000 with average size of 1.00 KiB). (TOO_MANY_PARTS)",
       Trouble::kTooManyParts},
      {241, "(total) memory limit exceeded: would use 2 GiB. (MEMORY_LIMIT_EXCEEDED)",
       Trouble::kMemory},
      {241, "Query memory limit exceeded: while pushing to view a.v. (MEMORY_LIMIT_EXCEEDED)",
       Trouble::kMemory},
      {242, "Table is in readonly mode. (TABLE_IS_READ_ONLY)", Trouble::kReadOnly},
      {164, "Cannot execute query in readonly mode. (READONLY)", Trouble::kReadOnly},
      {774, "Table is in readonly mode. (TABLE_IS_PERMANENTLY_READ_ONLY)", Trouble::kReadOnly},
      {745, "CPU is overloaded. (SERVER_OVERLOADED)", Trouble::kQuota},
      {201, "Quota for user `app` for 1h has been exceeded. (QUOTA_EXCEEDED)", Trouble::kQuota},
      {202, "Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)", Trouble::kQuota},
      {243, "Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)", Trouble::kDisk},
      {159, "Timeout exceeded: elapsed 60 seconds. (TIMEOUT_EXCEEDED)", Trouble::kTimeout},
      {209, "Timeout exceeded while reading from socket. (SOCKET_TIMEOUT)", Trouble::kTimeout},
      {210, "Connection reset by peer. (NETWORK_ERROR)", Trouble::kNetwork},
      {516, "app: Authentication failed. (AUTHENTICATION_FAILED)", Trouble::kAccess},
      {225, "Session expired. (NO_ZOOKEEPER)", Trouble::kOther}};
  for (const Case& one : cases) {
    const Error error = said(one);
    EXPECT_EQ(sink.classify(error), WriteFailure::kRetriable) << error.message();
    EXPECT_EQ(sink.trouble(error), one.trouble) << error.message();
  }
}

TEST(ClickHouseRangeSink, failures_of_the_way_there_are_retried_and_named) {
  const ClickHouseRangeSink sink(nullptr);
  const std::pair<Errc, Trouble> cases[] = {{Errc::kUnavailable, Trouble::kNetwork},
                                            {Errc::kTimeout, Trouble::kTimeout},
                                            {Errc::kNoSpace, Trouble::kDisk},
                                            {Errc::kCorrupt, Trouble::kOther}};
  for (const auto& [code, trouble] : cases) {
    const Error error(code, "http://ch:8123: no answer");
    EXPECT_EQ(sink.classify(error), WriteFailure::kRetriable) << errc_name(code);
    EXPECT_EQ(sink.trouble(error), trouble) << errc_name(code);
  }
}

TEST(ClickHouseRangeSink, only_what_is_known_to_be_about_rows_divides_a_range) {
  const ClickHouseRangeSink sink(nullptr);
  EXPECT_EQ(sink.classify(said({469, "Constraint c is violated. (VIOLATED_CONSTRAINT)", {}})),
            WriteFailure::kRefused);
  EXPECT_EQ(sink.classify(said({60, "Table a.b does not exist. (UNKNOWN_TABLE)", {}})),
            WriteFailure::kFatal);
  EXPECT_EQ(sink.classify(said({123456, "Nobody knows. (NEW_CODE)", {}})), WriteFailure::kFatal);
}

}  // namespace
}  // namespace freshet::pipeline
