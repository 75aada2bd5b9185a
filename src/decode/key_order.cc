#include "decode/key_order.h"

#include <algorithm>
#include <cstring>

namespace freshet::decode {
namespace {

KeyOrder::Entry make_entry(const KeyOrder::Seen& seen) {
  KeyOrder::Entry entry;
  entry.target = seen.target;
  entry.text = seen.raw;
  entry.text.push_back('"');
  entry.size = static_cast<uint32_t>(entry.text.size());
  const size_t head = std::min<size_t>(entry.size, 16);
  std::memcpy(entry.words, entry.text.data(), head);
  std::memset(entry.masks, 0xFF, head);
  return entry;
}

}  // namespace

size_t KeyOrder::Cursor::find_later(const char* quote, size_t from) const {
  const size_t end = std::min(size_, from + kLookAhead);
  for (size_t i = from; i < end; ++i) {
    if (entries_[i].matches(quote)) return i;
  }
  return kMissing;
}

void KeyOrder::learn(const std::vector<Seen>& seen) {
  if (seen.size() > kKeysMax || std::ranges::any_of(seen, [](const Seen& key) {
        // An escaped key may mean the same as one known under another spelling.
        return key.raw.size() >= kKeyBytesMax || key.raw.contains('\\');
      })) {
    return;
  }
  std::unordered_map<std::string_view, size_t> positions;
  for (size_t i = 0; i < entries_.size(); ++i) {
    positions.emplace(std::string_view(entries_[i].text).substr(0, entries_[i].size - 1), i);
  }
  std::vector<Entry> merged;
  size_t taken = 0;  // entries known before that stand in `merged` or are given up
  bool agrees = true;
  for (const Seen& key : seen) {
    const auto known = positions.find(key.raw);
    if (known != positions.end()) {
      if (known->second < taken) {
        agrees = false;
        break;
      }
      for (; taken < known->second; ++taken) merged.push_back(entries_[taken]);
      ++taken;
    }
    merged.push_back(make_entry(key));
  }
  if (agrees && merged.size() + entries_.size() - taken <= kKeysMax) {
    for (; taken < entries_.size(); ++taken) merged.push_back(entries_[taken]);
  } else {
    merged.clear();
    for (const Seen& key : seen) merged.push_back(make_entry(key));
  }
  entries_ = std::move(merged);
}

}  // namespace freshet::decode
