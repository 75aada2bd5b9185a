#include "source/file/file_list.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace freshet::source {
namespace {

constexpr size_t kFilesMax = 1'000'000;

Result<std::vector<std::string>> find_files(const std::string& pattern) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(pattern, ignored)) return std::vector{pattern};
  glob_t found{};
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> paths;
  if (status == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      if (std::filesystem::is_regular_file(found.gl_pathv[i], ignored)) {
        paths.emplace_back(found.gl_pathv[i]);
      }
    }
  }
  ::globfree(&found);
  if (status != 0 && status != GLOB_NOMATCH) {
    return fail(Errc::kIo, "{}: the directories could not be read", pattern);
  }
  if (paths.size() > kFilesMax) {
    return fail(Errc::kTooLarge, "{}: more than {} files match", pattern, kFilesMax);
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

FileList::FileList(std::string pattern) : pattern_(std::move(pattern)) {
  const auto fixed = std::string_view(pattern_).substr(0, pattern_.find_first_of("*?["));
  const size_t slash = fixed.rfind('/');
  fixed_size_ = slash == std::string_view::npos ? 0 : slash + 1;
}

Result<void> FileList::refresh() {
  FRESHET_ASSIGN(auto paths, find_files(pattern_));
  for (size_t i = 0; i < paths_.size(); ++i) {
    if (i < paths.size() && paths[i] == paths_[i]) continue;
    if (i < paths.size() && paths[i] < paths_[i]) {
      return fail(Errc::kRefused,
                  "{}: this file appeared before {}, which was there already; files are read in "
                  "order of their names, so new ones must sort last",
                  paths[i], paths_[i]);
    }
    return fail(Errc::kRefused, "{}: the file was removed while it was part of the source",
                paths_[i]);
  }
  paths_ = std::move(paths);
  return {};
}

}  // namespace freshet::source
