#include "decode/json_skip.h"

#include <optional>
#include <string>

#include "decode/json_text.h"
#include "decode/json_value.h"
#include "decode/key_set.h"

namespace freshet::decode {
namespace {

Fault check_string(const char* text, const uint32_t* token) {
  const auto body = string_body(text + token[0], text + token[1]);
  if (!has_backslash(body.data(), body.size())) return Fault::kNone;
  std::string meaning;
  return unescape(body, meaning);
}

/// true, false, null, or a number that ClickHouse's JSON holds.
Fault check_kept(std::string_view text) {
  bool integral = false;
  if (!is_number(text, integral)) return Fault::kNone;
  if (!integral) {
    double value = 0;
    return parse_float(text, value);
  }
  JsonInteger value;
  const Fault fault = parse_integer(text, value);
  constexpr uint64_t kLowest = uint64_t{1} << 63;
  return value.negative && value.magnitude > kLowest ? Fault::kOutOfRange : fault;
}

}  // namespace

Fault JsonSkip::members(const char* text, const uint32_t*& token, uint32_t depth) const {
  const bool object = text[*token] == '{';
  const char close = object ? '}' : ']';
  std::optional<KeySet> keys;
  if (what_ == What::kKept) keys.emplace();
  ++token;
  if (text[*token] == close) {
    ++token;
    return Fault::kNone;
  }
  while (true) {
    if (object) {
      if (text[*token] != '"') return Fault::kMalformed;
      const Fault fault = keys ? keys->insert(string_body(text + token[0], text + token[1]))
                               : check_string(text, token);
      if (fault != Fault::kNone) return fault;
      ++token;
      if (text[*token] != ':') return Fault::kMalformed;
      ++token;
    }
    if (const Fault fault = value(text, token, depth); fault != Fault::kNone) return fault;
    const char after = text[*token];
    if (after != close && after != ',') return Fault::kMalformed;
    ++token;
    if (after == close) return Fault::kNone;
  }
}

Fault JsonSkip::value(const char* text, const uint32_t*& token, uint32_t depth) const {
  Fault fault = Fault::kNone;
  switch (text[*token]) {
    case '{':
    case '[':
      if (depth >= depth_max_) return Fault::kTooDeep;
      return members(text, token, depth + 1);
    case '"':
      fault = check_string(text, token);
      break;
    default:
      if (misfit(text + token[0], text + token[1]) == Fault::kMalformed) return Fault::kMalformed;
      if (what_ == What::kKept) fault = check_kept(scalar_text(text + token[0], text + token[1]));
  }
  if (fault == Fault::kNone) ++token;
  return fault;
}

}  // namespace freshet::decode
