#include "observe/log.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

namespace freshet {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

std::string logged(LogFormat format, const std::function<void(const Logger&)>& body) {
  configure_logging(LogLevel::kInfo, format);
  testing::internal::CaptureStderr();
  body(Logger("broker.storage"));
  auto text = testing::internal::GetCapturedStderr();
  configure_logging(LogLevel::kWarn, LogFormat::kText);
  return text;
}

TEST(Logger, writes_one_line_of_key_values) {
  const auto line = logged(LogFormat::kText, [](const Logger& logger) {
    logger.warn("torn tail cut off", kv("partition", "events-3"), kv("bytes", 812));
  });
  EXPECT_THAT(line, MatchesRegex("time=[0-9T:.-]*Z level=warn module=broker.storage "
                                 "message=\"torn tail cut off\" partition=events-3 bytes=812\n"));
}

TEST(Logger, quotes_values_that_would_break_the_line) {
  const auto line = logged(LogFormat::kText, [](const Logger& logger) {
    logger.info("odd", kv("a", "x y"), kv("b", "say \"hi\"\nno=1"), kv("c", ""),
                kv("d", std::string("\x01", 1)));
  });
  EXPECT_THAT(line, EndsWith(R"( a="x y" b="say \"hi\"\nno=1" c="" d="\x01")"
                             "\n"));
}

TEST(Logger, writes_json_with_the_fields_of_with) {
  const auto line = logged(LogFormat::kJson, [](const Logger& logger) {
    logger.with("pipeline", "ro\"ws").error("insert refused", kv("code", 241), kv("why", "a\tb"));
  });
  EXPECT_THAT(line, HasSubstr(R"("level":"error","module":"broker.storage",)"
                              R"("message":"insert refused","pipeline":"ro\"ws",)"
                              R"("code":"241","why":"a\tb"})"));
}

TEST(Logger, leaves_out_what_is_below_the_level) {
  EXPECT_EQ(logged(LogFormat::kText, [](const Logger& logger) { logger.debug("quiet"); }), "");
}

TEST(Logger, holds_back_a_warning_that_repeats) {
  const auto text = logged(LogFormat::kText, [](const Logger& logger) {
    for (int i = 0; i < 500; ++i) logger.warn("broker is away", kv("try", i));
    logger.warn("another sentence");
    for (int i = 0; i < 20; ++i) logger.info("life cycle is never held back");
  });
  EXPECT_EQ(std::ranges::count(text, '\n'), 10 + 1 + 20);
  EXPECT_THAT(text, HasSubstr("another sentence"));
}

}  // namespace
}  // namespace freshet
