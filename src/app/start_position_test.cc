#include "app/start_position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::app {

TEST(StartRule, reads_every_form) {
  EXPECT_EQ(StartRule::parse("beginning")->kind, StartRule::Kind::kBeginning);
  EXPECT_EQ(StartRule::parse("end")->kind, StartRule::Kind::kEnd);
  EXPECT_EQ(StartRule::parse("latest")->kind, StartRule::Kind::kEnd);
  EXPECT_EQ(StartRule::parse("earliest")->kind, StartRule::Kind::kBeginning);
  EXPECT_EQ(StartRule::parse("1234")->kind, StartRule::Kind::kOffset);
  EXPECT_EQ(StartRule::parse("1234")->number, 1234);
  EXPECT_EQ(StartRule::parse("@1758191400000")->number, 1'758'191'400'000);
  const auto last = StartRule::parse("-1_000");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->kind, StartRule::Kind::kLast);
  EXPECT_EQ(last->number, 1000);
  for (const char* text :
       {"@2025-09-18T10:30Z", "@2025-09-18T10:30:00Z", "@2025-09-18T10:30:00.000Z"}) {
    const auto time = StartRule::parse(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->number, 1'758'191'400'000) << text;
  }
}

TEST(StartRule, says_what_it_expected) {
  EXPECT_THAT(StartRule::parse("start").error().message(), testing::HasSubstr("beginning, end"));
  EXPECT_FALSE(StartRule::parse("-many"));
  EXPECT_FALSE(StartRule::parse("@yesterday"));
}

}  // namespace freshet::app
