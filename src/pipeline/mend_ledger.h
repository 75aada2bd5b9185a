// What the marks of a dead-letter topic say together: which letters were replayed, and which
// replays and repairs died half-way. Value; one writer. Marks may be added in any order.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "model/offset.h"
#include "pipeline/mend_mark.h"
#include "pipeline/offset_set.h"

namespace freshet::pipeline {

class MendLedger {
 public:
  struct Intent {
    MendMark mark;
    WallMillis written{};
  };

  /// Marks of other topic ids than `topic_ids` names belong to a topic that was deleted.
  explicit MendLedger(std::map<TopicPartition, std::string> topic_ids)
      : topic_ids_(std::move(topic_ids)) {}

  void add(const MendMark& mark, WallMillis written) {
    const auto id = topic_ids_.find(mark.tp);
    if (id == topic_ids_.end() || id->second != mark.topic_id) return;
    if (mark.state == MendMark::State::kIntent) {
      if (!done_ids_.contains(mark.id)) unfinished_[mark.id] = {mark, written};
      return;
    }
    done_ids_.insert(mark.id);
    unfinished_.erase(mark.id);
    if (mark.kind != MendMark::Kind::kReplay) return;
    for (const auto& range : mark.offsets) replayed_[mark.tp].add(range);
  }

  /// Letters whose records belong into the table.
  [[nodiscard]] const std::map<TopicPartition, OffsetSet>& replayed() const { return replayed_; }
  [[nodiscard]] bool replayed(const TopicPartition& tp, Offset offset) const {
    const auto it = replayed_.find(tp);
    return it != replayed_.end() && it->second.contains(offset);
  }
  /// Intents without a done mark, by id: their rows may be in the table.
  [[nodiscard]] const std::map<std::string, Intent>& unfinished() const { return unfinished_; }
  [[nodiscard]] const std::map<TopicPartition, std::string>& topic_ids() const {
    return topic_ids_;
  }

 private:
  std::map<TopicPartition, std::string> topic_ids_;
  std::map<TopicPartition, OffsetSet> replayed_;
  std::map<std::string, Intent> unfinished_;
  std::set<std::string> done_ids_;
};

}  // namespace freshet::pipeline
