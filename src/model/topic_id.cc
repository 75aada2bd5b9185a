#include "model/topic_id.h"

#include <algorithm>
#include <random>

namespace freshet {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kTextLength = 22;  // 128 bits in digits of 6

}  // namespace

std::string TopicId::to_string() const {
  std::string text;
  text.reserve(kTextLength);
  uint32_t bits = 0;
  int held = 0;
  for (const uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 6; held -= 6) text.push_back(kDigits[bits >> (held - 6) & 63]);
  }
  text.push_back(kDigits[bits << (6 - held) & 63]);
  return text;
}

Result<TopicId> TopicId::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Errc::kInvalidArgument,
                "topic id is not 22 characters of URL-safe base64 (A-Z a-z 0-9 - _): \"{}\"",
                text.substr(0, 40));
  };
  if (text.size() != kTextLength) return bad();
  TopicId id;
  uint32_t bits = 0;
  int held = 0;
  size_t at = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return bad();
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      id.bytes[at++] = static_cast<uint8_t>(bits >> held);
    }
  }
  // The last digit carries 4 bits that belong to no byte; only one spelling of an id is accepted.
  if ((bits & 0xF) != 0) return bad();
  return id;
}

TopicId TopicId::random() {
  std::random_device device;
  TopicId id;
  for (size_t i = 0; i < id.bytes.size(); i += 4) {
    const uint32_t word = device();
    for (size_t j = 0; j < 4; ++j) id.bytes[i + j] = static_cast<uint8_t>(word >> (8 * j));
  }
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0F) | 0x40);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

}  // namespace freshet
