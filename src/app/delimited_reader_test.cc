#include "app/delimited_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace freshet::app {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<std::string> pieces(const std::string& text, const std::string& delimiter) {
  std::istringstream input(text);
  DelimitedReader reader(input, delimiter);
  std::vector<std::string> out;
  for (;;) {
    const auto piece = reader.next();
    EXPECT_TRUE(piece);
    if (!piece || !*piece) return out;
    out.emplace_back(**piece);
  }
}

TEST(DelimitedReader, splits_at_every_delimiter) {
  EXPECT_THAT(pieces("a\nb\n\nc", "\n"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(pieces("a\nb\n", "\n"), ElementsAre("a", "b"));
  EXPECT_THAT(pieces("", "\n"), ElementsAre());
  EXPECT_THAT(pieces("\n", "\n"), ElementsAre(""));
  EXPECT_THAT(pieces("a--b-c--", "--"), ElementsAre("a", "b-c"));
  EXPECT_THAT(pieces("one\ntwo", ""), ElementsAre("one\ntwo"));
}

TEST(DelimitedReader, finds_delimiters_across_the_borders_of_its_reads) {
  for (size_t size = (64 << 10) - 3; size < (64 << 10) + 3; ++size) {
    const std::string big(size, 'x');
    EXPECT_THAT(pieces(big + "<>" + big + "<>y", "<>"), ElementsAre(big, big, "y")) << size;
  }
}

TEST(DelimitedReader, reads_many_pieces) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "a line of text\n";
  EXPECT_THAT(pieces(text, "\n"), SizeIs(100'000));
}

}  // namespace
}  // namespace freshet::app
