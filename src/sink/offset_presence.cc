#include "sink/offset_presence.h"

#include <bit>

#include "base/check.h"

namespace freshet::sink {
namespace {

std::vector<Offset> set_bits(Offset first, const std::vector<uint64_t>& words) {
  std::vector<Offset> offsets;
  for (size_t word = 0; word < words.size(); ++word) {
    for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
      offsets.push_back(first + static_cast<int64_t>(word * 64) + std::countr_zero(bits));
    }
  }
  return offsets;
}

}  // namespace

OffsetPresence::OffsetPresence(OffsetRange range) : range_(range) {
  FRESHET_CHECK(range.first <= range.last && range.span() <= kSpanMax, "range {}", range);
  const auto words = static_cast<size_t>((range.span() + 63) / 64);
  seen_.resize(words);
  twice_.resize(words);
}

void OffsetPresence::add(Offset offset, uint64_t times) {
  if (!range_.contains(offset) || times == 0) return;
  const auto at = static_cast<size_t>(offset - range_.first);
  const uint64_t bit = uint64_t{1} << (at % 64);
  if (times > 1 || (seen_[at / 64] & bit) != 0) {
    if ((twice_[at / 64] & bit) == 0) ++doubled_count_;
    twice_[at / 64] |= bit;
  }
  if ((seen_[at / 64] & bit) == 0) ++count_;
  seen_[at / 64] |= bit;
}

bool OffsetPresence::contains(Offset offset) const {
  if (!range_.contains(offset)) return false;
  const auto at = static_cast<size_t>(offset - range_.first);
  return (seen_[at / 64] >> (at % 64) & 1U) != 0;
}

bool OffsetPresence::is_doubled(Offset offset) const {
  if (!range_.contains(offset)) return false;
  const auto at = static_cast<size_t>(offset - range_.first);
  return (twice_[at / 64] >> (at % 64) & 1U) != 0;
}

std::vector<Offset> OffsetPresence::offsets() const { return set_bits(range_.first, seen_); }

std::vector<Offset> OffsetPresence::doubled() const { return set_bits(range_.first, twice_); }

}  // namespace freshet::sink
