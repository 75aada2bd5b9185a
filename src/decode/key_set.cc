#include "decode/key_set.h"

#include <algorithm>

#include "decode/json_text.h"

namespace freshet::decode {

Fault KeySet::insert(std::string_view raw) {
  std::string_view key = raw;
  if (has_backslash(raw.data(), raw.size())) {
    std::string meaning;
    if (const Fault fault = unescape(raw, meaning); fault != Fault::kNone) return fault;
    key = unescaped_.emplace_back(std::move(meaning));
  }
  if (keys_.size() < kFew) {
    if (std::ranges::find(keys_, key) != keys_.end()) return Fault::kDuplicateKey;
    keys_.push_back(key);
    return Fault::kNone;
  }
  if (hashed_.empty()) hashed_.insert(keys_.begin(), keys_.end());
  return hashed_.insert(key).second ? Fault::kNone : Fault::kDuplicateKey;
}

}  // namespace freshet::decode
