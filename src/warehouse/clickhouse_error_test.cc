#include "warehouse/clickhouse_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::warehouse {
namespace {

struct Sample {
  std::string_view text;
  int code;
  Errc errc;
  std::string_view message;
};

class ClickHouseErrorText : public ::testing::TestWithParam<Sample> {};

TEST_P(ClickHouseErrorText, becomes_an_error) {
  const Sample& sample = GetParam();
  const Error error = clickhouse_error(sample.text);
  EXPECT_EQ(error.code(), sample.errc);
  EXPECT_EQ(error.message(), sample.message);
  EXPECT_EQ(clickhouse_code(error.with_context("table a.b")), sample.code);
}

INSTANTIATE_TEST_SUITE_P(
    , ClickHouseErrorText,
    ::testing::Values(
        Sample{"Code: 60. DB::Exception: Unknown table 'x'. (UNKNOWN_TABLE)", 60, Errc::kNotFound,
               "ClickHouse error 60 (UNKNOWN_TABLE): Unknown table 'x'"},
        Sample{"Code: 241. DB::Exception: (total) memory limit exceeded: would use 2 GiB. "
               "(MEMORY_LIMIT_EXCEEDED) (version 26.7.2.1)\n",
               241, Errc::kUnavailable,
               "ClickHouse error 241 (MEMORY_LIMIT_EXCEEDED): (total) memory limit exceeded: would "
               "use 2 GiB"},
        Sample{"Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. "
               "(NOT_ENOUGH_SPACE)",
               243, Errc::kNoSpace,
               "ClickHouse error 243 (NOT_ENOUGH_SPACE): Cannot reserve 1.00 MiB, not enough "
               "space"},
        Sample{"Code: 75. DB::ErrnoException: Cannot write to file: errno: 28, strerror: No space "
               "left on device. (CANNOT_WRITE_TO_FILE_DESCRIPTOR)",
               75, Errc::kNoSpace,
               "ClickHouse error 75 (CANNOT_WRITE_TO_FILE_DESCRIPTOR): DB::ErrnoException: Cannot "
               "write to file: errno: 28, strerror: No space left on device"},
        Sample{"Code: 62. DB::Exception: Syntax error: failed at position 1 (SELEC) (SYNTAX_ERROR)",
               62, Errc::kInvalidArgument,
               "ClickHouse error 62 (SYNTAX_ERROR): Syntax error: failed at position 1 (SELEC)"},
        Sample{"something without a code", 0, Errc::kInvalidArgument,
               "ClickHouse error 0: something without a code"}));

TEST(ClickHouseCode, is_absent_from_errors_of_others) {
  EXPECT_EQ(clickhouse_code(Error(Errc::kIo, "open /x: no")), std::nullopt);
}

TEST(FailureClass, rows_are_sorted_out_only_for_errors_that_are_known_to_be_theirs) {
  for (const int code : {6, 69, 72, 153, 349, 395, 469, 691}) EXPECT_TRUE(is_row_error(code));
  for (const int code : {0, 16, 37, 49, 159, 164, 201, 241, 242, 252, 497, 123456}) {
    EXPECT_FALSE(is_row_error(code)) << code;
  }
}

TEST(FailureClass, an_unknown_code_is_never_retried_for_ever) {
  EXPECT_EQ(failure_class(123456), FailureClass::kData);
  for (const int code : {241, 242, 252, 364, 700, 745, 749, 762, 776, 777, 778}) {
    EXPECT_EQ(failure_class(code), FailureClass::kRetriable) << code;
  }
  EXPECT_EQ(failure_class(16), FailureClass::kSchema);
  EXPECT_EQ(failure_class(49), FailureClass::kFatal);
}

TEST(FailureClass, who_may_not_ask_is_no_fault_of_the_rows) {
  // Else the rows would be looked at one by one, and each be found guilty.
  for (const int code : {164, 192, 193, 194, 195, 291, 497, 516, 774}) {
    EXPECT_EQ(failure_class(code), FailureClass::kAccess) << code;
  }
  EXPECT_EQ(failure_class(201), FailureClass::kRetriable);  // a quota comes back
}

}  // namespace
}  // namespace freshet::warehouse
