// The files that a path or a glob names, in the order they are read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::source {

/// Thread: one at a time.
class FileList {
 public:
  /// `pattern` is a file, or a glob with * ? [ in it (a file of exactly that name comes first).
  explicit FileList(std::string pattern);

  /// Looks again. kRefused if a file appeared before one that was there: it would never be read.
  Result<void> refresh();

  [[nodiscard]] size_t size() const { return paths_.size(); }
  [[nodiscard]] const std::string& path(size_t i) const { return paths_[i]; }
  /// The path without the directories that the pattern names, so that a data directory may move.
  [[nodiscard]] std::string_view name(size_t i) const {
    return std::string_view(paths_[i]).substr(fixed_size_);
  }
  [[nodiscard]] const std::string& pattern() const { return pattern_; }
  /// The pattern without those directories.
  [[nodiscard]] std::string_view pattern_name() const {
    return std::string_view(pattern_).substr(fixed_size_);
  }

 private:
  const std::string pattern_;
  size_t fixed_size_ = 0;
  std::vector<std::string> paths_;  // sorted by bytes
};

}  // namespace freshet::source
