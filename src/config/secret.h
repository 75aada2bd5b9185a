// A password or token: prints *** wherever it is formatted, so that it cannot reach logs, metrics
// or error texts by accident. reveal() is the only way to the value.
#pragma once

#include <fmt/format.h>

#include <ostream>
#include <string>

namespace freshet::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  /// For the call that hands it to the library which needs it; never for a message.
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

 private:
  std::string value_;
};

}  // namespace freshet::config

template <>
struct fmt::formatter<freshet::config::Secret> : fmt::formatter<std::string_view> {
  auto format(const freshet::config::Secret&, format_context& ctx) const {
    return fmt::formatter<std::string_view>::format("***", ctx);
  }
};
