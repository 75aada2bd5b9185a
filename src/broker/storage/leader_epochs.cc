#include "broker/storage/leader_epochs.h"

#include <algorithm>
#include <iterator>

namespace freshet::broker {

void LeaderEpochs::note(int32_t epoch, Offset start) {
  if (!entries_.empty() && epoch <= entries_.back().epoch) return;
  // An epoch that never wrote anything leaves no trace.
  if (!entries_.empty() && entries_.back().start == start) entries_.pop_back();
  entries_.push_back({.epoch = epoch, .start = start});
}

void LeaderEpochs::cut(Offset end) {
  std::erase_if(entries_, [end](const Entry& entry) { return entry.start >= end; });
}

std::pair<int32_t, Offset> LeaderEpochs::end_of(int32_t epoch, Offset log_end) const {
  if (entries_.empty() || epoch > entries_.back().epoch) return {-1, kNoOffset};
  const auto after = std::ranges::upper_bound(entries_, epoch, {}, &Entry::epoch);
  if (after == entries_.begin()) return {epoch, after->start};
  return {std::prev(after)->epoch, after == entries_.end() ? log_end : after->start};
}

std::string LeaderEpochs::to_text() const {
  std::string text = fmt::format("0\n{}\n", entries_.size());
  for (const auto& entry : entries_) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", entry.epoch, entry.start.value());
  }
  return text;
}

}  // namespace freshet::broker
