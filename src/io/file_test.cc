#include "io/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace freshet::io {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-file-XXXXXX").native();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(FileTest, writes_and_reads_at_positions) {
  auto file = File::open(directory_ / "a", OpenMode::kCreateNew);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE(file->write_at("hello", 3));
  ASSERT_TRUE(file->sync_data());
  EXPECT_EQ(*file->size(), 8U);
  std::string bytes(20, 'x');
  ASSERT_EQ(file->read_at(bytes, 2).value(), 6U);
  EXPECT_EQ(bytes.substr(0, 6), std::string("\0hello", 6));
}

TEST_F(FileTest, writes_more_pieces_than_one_system_call_takes) {
  auto file = File::open(directory_ / "a", OpenMode::kCreate);
  ASSERT_TRUE(file);
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back(std::string(static_cast<size_t>(i % 5), 'a'));
  std::vector<iovec> pieces;
  for (auto& text : texts) {
    pieces.push_back({text.data(), text.size()});
    expected += text;
  }
  ASSERT_TRUE(file->write_at(pieces, 1));
  EXPECT_EQ(read_file(directory_ / "a", 1 << 20).value(), std::string(1, '\0') + expected);
}

TEST_F(FileTest, names_the_file_in_errors) {
  const auto missing = File::open(directory_ / "missing", OpenMode::kRead);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Errc::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr((directory_ / "missing").native()));
  ASSERT_TRUE(File::open(directory_ / "there", OpenMode::kCreateNew));
  const auto again = File::open(directory_ / "there", OpenMode::kCreateNew);
  EXPECT_EQ(again.error().code(), Errc::kAlreadyExists);
}

TEST_F(FileTest, limits_what_it_reads) {
  auto big = File::open(directory_ / "big", OpenMode::kCreateNew);
  ASSERT_TRUE(big && big->write_at(std::string(101, 'x'), 0));
  const auto content = read_file(directory_ / "big", 100);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code(), Errc::kTooLarge);
}

TEST_F(FileTest, allocates_and_truncates) {
  auto file = File::open(directory_ / "a", OpenMode::kCreate);
  ASSERT_TRUE(file->allocate(1 << 20));
  EXPECT_EQ(*file->size(), 1U << 20);
  ASSERT_TRUE(file->truncate(5));
  EXPECT_EQ(*file->size(), 5U);
  EXPECT_GT(*free_bytes(directory_), 0U);
}

TEST_F(FileTest, directory_lock_names_the_holder) {
  {
    const auto first = DirectoryLock::acquire(directory_);
    ASSERT_TRUE(first) << first.error().message();
    const auto second = DirectoryLock::acquire(directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::kRefused);
    EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
    EXPECT_THAT(second.error().message(), HasSubstr(directory_.native()));
  }
  EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

}  // namespace
}  // namespace freshet::io
