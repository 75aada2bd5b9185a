#include "model/string_dictionary.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <random>

namespace freshet {
namespace {

constexpr size_t kFirstSlots = 256;  // few enough values that two rarely meet

// Values come from outside; a seed of the process's own keeps anyone from preparing collisions.
const uint64_t kSeed = [] {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}();

}  // namespace

StringDictionary::Head StringDictionary::Head::of(std::string_view value) {
  if (value.size() >= 16) return of_padded(value);
  char copy[16] = {};
  if (!value.empty()) std::memcpy(copy, value.data(), value.size());
  return of_padded({copy, value.size()});
}

uint64_t StringDictionary::hash(const Head& head, std::string_view value) const {
  uint64_t state = short_hash(head);
  for (auto rest = value.substr(std::min<size_t>(value.size(), 16)); !rest.empty();
       rest.remove_prefix(std::min<size_t>(rest.size(), 16))) {
    const Head piece = Head::of(rest);
    state = mix(piece.low ^ state, piece.high ^ seed_);
  }
  return state;
}

StringDictionary::StringDictionary() : seed_(kSeed), slots_(kFirstSlots) {
  offsets_.push(int32_t{0});
}

int32_t StringDictionary::code_of(std::string_view value) {
  return find_or_add(value, Head::of(value));
}

int32_t StringDictionary::find_or_add(std::string_view value, const Head& head) {
  const uint64_t hash = this->hash(head, value);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.code_plus_1 == 0) return add(value, head, hash);
    if (slot.head != head) continue;
    const auto code = static_cast<int32_t>(slot.code_plus_1 - 1);
    if (value.size() <= 16 || this->value(code).substr(16) == value.substr(16)) return code;
  }
}

int32_t StringDictionary::add(std::string_view value, const Head& head, uint64_t hash) {
  const size_t code = size();
  FRESHET_CHECK(chars_.size() + value.size() <= std::numeric_limits<int32_t>::max(),
                "a dictionary holds at most 2 GiB");
  chars_.append(value.data(), value.size());
  offsets_.push(static_cast<int32_t>(chars_.size()));
  if ((code + 1) * 2 > slots_.size()) {
    rehash(slots_.size() * 2);
  } else {
    const size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    while (slots_[at].code_plus_1 != 0) at = (at + 1) & mask;
    slots_[at] = {.head = head, .code_plus_1 = static_cast<uint32_t>(code + 1)};
  }
  return static_cast<int32_t>(code);
}

void StringDictionary::truncate(size_t size) {
  if (size >= this->size()) return;
  chars_.truncate(static_cast<size_t>(offsets()[size]));
  offsets_.truncate((size + 1) * sizeof(int32_t));
  rehash(std::max(kFirstSlots, std::bit_ceil(size * 2)));
}

void StringDictionary::rehash(size_t slots) {
  slots_.assign(slots, Slot{});
  const size_t mask = slots - 1;
  for (size_t code = 0; code < size(); ++code) {
    const auto known = value(static_cast<int32_t>(code));
    const Head head = Head::of(known);
    size_t at = hash(head, known) & mask;
    while (slots_[at].code_plus_1 != 0) at = (at + 1) & mask;
    slots_[at] = {.head = head, .code_plus_1 = static_cast<uint32_t>(code + 1)};
  }
}

}  // namespace freshet
