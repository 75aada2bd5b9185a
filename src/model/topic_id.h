// Kafka's topic id: 16 random bytes that tell a re-created topic from the old one of the same name.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet {

struct TopicId {
  std::array<uint8_t, 16> bytes{};

  [[nodiscard]] bool is_zero() const { return *this == TopicId{}; }
  /// Kafka's text form: 22 characters of URL-safe base64, no padding.
  [[nodiscard]] std::string to_string() const;
  static Result<TopicId> parse(std::string_view text);
  /// Version 4 UUID from the system's random source.
  static TopicId random();

  friend auto operator<=>(const TopicId&, const TopicId&) = default;
};

}  // namespace freshet
