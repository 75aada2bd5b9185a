#include "config/document.h"

#include <gmock/gmock.h>

#include <string>

namespace freshet::config {
namespace {

using testing::HasSubstr;

struct Parsed {
  std::optional<Node> root;
  std::string problems;
};

Parsed parse(std::string_view text) {
  Problems problems("f");
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "value";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
  auto root = parse_document(text, environment, problems);
  return {std::move(root), problems.to_string()};
}

TEST(Document, gives_keys_and_values_their_places) {
  const auto parsed = parse("a: 1\nb:\n  - x\n  - {c: \"2\"}\n");
  ASSERT_TRUE(parsed.root);
  EXPECT_EQ(parsed.problems, "");
  const Node& list = *parsed.root->find("b");
  EXPECT_EQ(parsed.root->entries[1].key_at, (SourcePosition{2, 1}));
  EXPECT_EQ(list.items[0].at, (SourcePosition{3, 5}));
  EXPECT_EQ(list.items[1].find("c")->at, (SourcePosition{4, 9}));
  EXPECT_TRUE(parsed.root->find("a")->plain);
  EXPECT_FALSE(list.items[1].find("c")->plain);
}

TEST(Document, replaces_variables_in_values_only) {
  const auto parsed = parse("${SET}: a-${SET}-${NONE:-x y}-${EMPTY:-e}-${EMPTY}-$${SET}-$SET");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.root->entries[0].key, "${SET}");
  EXPECT_EQ(parsed.root->entries[0].value.text, "a-value-x y-e--${SET}-$SET");
}

TEST(Document, lets_variables_stand_unquoted_in_flow_style) {
  const auto parsed = parse("a: { b: ${SET}, c: [${NONE:-http://x:1/[a, 'b']#c}, '${SET}'] } # ${");
  EXPECT_EQ(parsed.problems, "");
  const Node& map = *parsed.root->find("a");
  EXPECT_EQ(map.find("b")->text, "value");
  EXPECT_EQ(map.find("c")->items[0].text, "http://x:1/[a, 'b']#c");
  EXPECT_EQ(map.find("c")->items[1].text, "value");
}

TEST(Document, finds_the_place_of_each_bad_variable) {
  const auto parsed = parse("sql: |\n  SELECT ${SET},\n    ${ONE}, ${TWO}\nb: ${3}\n");
  EXPECT_EQ(parsed.problems,
            "f:3:5: error: ${ONE} is not set in the environment; set it, or give a default: "
            "${ONE:-value}\n"
            "f:3:13: error: ${TWO} is not set in the environment; set it, or give a default: "
            "${TWO:-value}\n"
            "f:4:4: error: ${3} is not a variable; write ${NAME} or ${NAME:-default}, or $${ for "
            "the two characters themselves\n");
}

TEST(Document, unfolds_aliases) {
  const auto parsed = parse("a: &x {rows: 1}\nb: *x\n");
  EXPECT_EQ(parsed.root->find("b")->find("rows")->text, "1");
}

TEST(Document, refuses_what_would_unfold_without_end) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j > 0 ? ", " : "", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(parse(bomb).problems, HasSubstr("more than 200000 values"));
  EXPECT_FALSE(parse(bomb).root);

  std::string texts = "a: &a " + std::string(1 << 20, 'x') + "\n";
  for (int i = 0; i < 30; ++i) texts += fmt::format("b{}: *a\n", i);
  EXPECT_THAT(parse(texts).problems, HasSubstr("more than 16MiB of text"));
}

TEST(Document, bounds_depth_and_size) {
  EXPECT_THAT(parse(std::string(40, '[') + std::string(40, ']')).problems,
              HasSubstr("nested deeper than 32 levels"));
  EXPECT_FALSE(parse(std::string(100'000, '[')).root);
  EXPECT_FALSE(parse(std::string(100'000, '{')).root);
  EXPECT_THAT(parse(std::string(kDocumentBytesMax + 1, ' ')).problems, HasSubstr("at most"));
}

TEST(Document, says_what_is_no_yaml) {
  struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"", "the file is empty"},
      {"# only a comment\n", "the file is empty"},
      {"a: [1, 2", "not valid YAML"},
      {"a: \"x", "not valid YAML"},
      {"a: 1\n---\nb: 2\n", "a second document begins here"},
      {"? [a]\n: 1\n", "a key is a map or a list"},
      {"a: &x [*x]\n", "alias"},
      {"a: *nothing\n", "not valid YAML"},
      {std::string("a: \0", 4), "f:1:4: error: byte 0x00 is no text"},
      {"a: 1\nb: \xff\n", "f:2:4: error: byte 0xff is no text"},
      {"a: \xed\xa0\x80\n", "byte 0xed is no text"},
      {"a: 1\na: 2\na: 3\n", "f:3:1: error: a: duplicate key, the first stands in line 1"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(parse(c.text).problems, HasSubstr(c.message)) << c.text;
  }
}

TEST(Document, reads_a_byte_order_mark_and_windows_line_ends) {
  const auto parsed = parse(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: ü\r\n");
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.root->find("a")->text, "1");
  EXPECT_EQ(parsed.root->find("b")->text, "ü");
}

}  // namespace
}  // namespace freshet::config
