#include "warehouse/sql_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::warehouse {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(std::string_view sql) {
  std::vector<std::string> result;
  const auto tokens = tokenize_sql(sql);
  EXPECT_TRUE(tokens) << tokens.error().message();
  for (const SqlToken& token : *tokens) result.emplace_back(token.text);
  return result;
}

TEST(SqlTokens, splits_words_quotes_and_symbols) {
  EXPECT_THAT(texts("a.`b c` = 'it''s' + 1"),
              ElementsAre("a", ".", "`b c`", "=", "'it''s'", "+", "1"));
}

TEST(SqlTokens, comments_are_white_space) {
  EXPECT_THAT(texts("a -- ( ' \n b /* ) */ c # d"), ElementsAre("a", "b", "c"));
}

TEST(SqlTokens, parentheses_have_the_depth_outside_them) {
  const auto tokens = tokenize_sql("a(b(c))d");
  ASSERT_TRUE(tokens);
  std::vector<int> depths;
  for (const SqlToken& token : *tokens) depths.push_back(token.depth);
  EXPECT_THAT(depths, ElementsAre(0, 0, 1, 1, 2, 1, 0, 0));
}

TEST(SqlTokens, names_lose_quotes_and_escapes) {
  const auto tokens = tokenize_sql("`a\\`b` \"c\"\"d\" e");
  ASSERT_TRUE(tokens);
  EXPECT_EQ((*tokens)[0].name(), "a`b");
  EXPECT_EQ((*tokens)[1].name(), "c\"d");
  EXPECT_EQ((*tokens)[2].name(), "e");
}

class UnclosedSql : public ::testing::TestWithParam<const char*> {};
TEST_P(UnclosedSql, is_an_error) { EXPECT_FALSE(tokenize_sql(GetParam())); }
INSTANTIATE_TEST_SUITE_P(, UnclosedSql,
                         ::testing::Values("'a", "`a", "\"a", "/* a", "(a", "a)", "'a\\'", ")("));

}  // namespace
}  // namespace freshet::warehouse
