#include "app/platform_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace freshet::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PlatformFile, mistakes_in_tables_stand_beside_all_others_with_their_places) {
  const auto file =
      std::filesystem::temp_directory_path() / fmt::format("platform_file_test_{}.yaml", getpid());
  std::ofstream(file) << "platform: shop\n"
                         "tables:\n"
                         "  - CREATE TABL t.a (id UInt8) ENGINE = MergeTree ORDER BY id\n"
                         "  - CREATE TABLE t.b (id UInt8) ENGINE = MergeTree ORDER BY id\n"
                         "  - { sql: CREATE TABLE t.c (id UInt8 ENGINE = MergeTree ORDER BY id }\n"
                         "  - DROP TABLE t.d\n"
                         "topcs: {}\n";
  const auto loaded = read_platform_file(file);
  std::filesystem::remove(file);
  EXPECT_EQ(loaded.problems.sorted().size(), 4);
  EXPECT_THAT(loaded.problems.to_string(),
              AllOf(HasSubstr("yaml:3:5: error: tables.1: CREATE \"TABL\" is not supported"),
                    HasSubstr("yaml:5:5: error: tables.3: "), HasSubstr("not closed"),
                    HasSubstr("yaml:6:5: error: tables.4: "), HasSubstr("yaml:7:1: error: topcs")));
}

TEST(PlatformFile, the_example_has_no_mistakes) {
  const auto loaded = read_platform_file("examples/events/platform.yaml");
  EXPECT_EQ(loaded.problems.to_string(), "");
}

}  // namespace
}  // namespace freshet::app
