// The keys of one JSON object seen so far.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "decode/fault.h"

namespace freshet::decode {

/// Compared one by one while they are few. Costs nothing until the first key.
class KeySet {
 public:
  /// `raw` stands between the quotes of a key, with kTextPadding readable bytes behind it, and
  /// lives as long as the set. kDuplicateKey if the same key was there, however it was spelled;
  /// kMalformed or kInvalidUtf8 for a bad escape.
  Fault insert(std::string_view raw);

 private:
  static constexpr size_t kFew = 16;
  std::vector<std::string_view> keys_;
  std::unordered_set<std::string_view> hashed_;  // all of them, once they are many
  std::list<std::string> unescaped_;             // what some of the views lie in
};

}  // namespace freshet::decode
