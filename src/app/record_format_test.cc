#include "app/record_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::app {

TEST(RecordFormat, refuses_letters_it_does_not_know) {
  EXPECT_TRUE(RecordFormat::parse("%t/%p/%o %k %s %T %K %S %h 100%%\\n"));
  EXPECT_THAT(RecordFormat::parse("%t %x").error().message(), testing::HasSubstr("%x"));
  EXPECT_THAT(RecordFormat::parse("100%").error().message(), testing::HasSubstr("single %"));
}

TEST(RecordFormat, resolves_the_escapes_of_c_and_leaves_others_alone) {
  EXPECT_EQ(resolve_escapes("a\\tb\\n\\\\n"), "a\tb\n\\n");
  EXPECT_EQ(resolve_escapes("\\0"), std::string(1, '\0'));
  EXPECT_EQ(resolve_escapes("\\d+\\"), "\\d+\\");
  EXPECT_EQ(resolve_escapes("a\\x1fb\\x0"),
            "a\x1f"
            "b\\x0");
  EXPECT_EQ(resolve_escapes("\\xgg"), "\\xgg");
}

}  // namespace freshet::app
