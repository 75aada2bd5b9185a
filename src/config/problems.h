// Mistakes found in a platform file, collected so that a user sees all of them at once.
// Not thread-safe; belongs to one load.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/source_position.h"

namespace freshet::config {

enum class Severity { kError, kWarning };

struct Problem {
  SourcePosition at;
  Severity severity = Severity::kError;
  std::string message;  // one line, begins with the key's path where there is one
};

class Problems {
 public:
  /// `file` is the name that stands in messages.
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void error(SourcePosition at, std::string message);
  void warning(SourcePosition at, std::string message);

  [[nodiscard]] bool has_errors() const;
  /// By position; those without a position first.
  [[nodiscard]] std::vector<Problem> sorted() const;
  [[nodiscard]] const std::string& file() const { return file_; }
  /// One line each, "platform.yaml:12:5: error: …", errors and warnings by position.
  [[nodiscard]] std::string to_string() const;

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

/// The candidate that `typed` was probably meant to be, empty if none is near.
[[nodiscard]] std::string nearest_name(std::string_view typed,
                                       const std::vector<std::string>& candidates);

}  // namespace freshet::config
