#include "config/reference.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "base/testing/source_tree.h"

namespace freshet::config {
namespace {

using ::testing::HasSubstr;

TEST(PlatformReference, the_committed_page_is_the_one_made_from_the_registrations) {
  const auto path = freshet::testing::source_tree() / "docs" / "reference" / "platform.md";
  std::ifstream file(path);
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(page, platform_reference())
      << path.string() << " is stale; write it anew: build/freshet check --reference > "
      << "docs/reference/platform.md";
}

TEST(PlatformReference, explains_a_key_whatever_names_stand_on_its_path) {
  EXPECT_THAT(explain_key("pipelines.rows.flush.after"), HasSubstr("Example: 100ms"));
  EXPECT_THAT(explain_key("sources.history.file"), HasSubstr("on_bad_line"));
  EXPECT_EQ(explain_key("pipelines.rows.flush.never"), "");
}

}  // namespace
}  // namespace freshet::config
