// Where something stands in a file that a person wrote, for messages: "platform.yaml:12:5".
#pragma once

#include <fmt/format.h>

#include <compare>
#include <string>

namespace freshet::config {

/// Line and column count from 1; 0 means "nowhere", such as a value that no file holds.
struct SourcePosition {
  int line = 0;
  int column = 0;

  friend auto operator<=>(const SourcePosition&, const SourcePosition&) = default;
};

}  // namespace freshet::config
