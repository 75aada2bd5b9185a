// What must hold when a node is back, before any client goes on.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/power_cut/evidence.h"

namespace freshet::broker::power_cut {

class RecoveredState {
 public:
  explicit RecoveredState(Evidence& evidence) : evidence_(evidence) {}

  void check() {
    check_topics();
    evidence_.read_all();
    check_records();
    check_stable_offsets();
    check_commits();
  }

 private:
  void check_topics();
  void check_records();
  void check_present(const SentBatch& batch, const View& view);
  void check_log_start(const Place& place, const View& view);
  void check_stable_offsets();
  void check_commits();

  Evidence& evidence_;
};

inline void RecoveredState::check_topics() {
  for (size_t t = 0; t < evidence_.history.topics.size(); ++t) {
    const auto& life = evidence_.history.topics[t];
    const auto found = evidence_.clients.services().topics.find(life.id);
    const bool must = life.created.certain(evidence_.cut) && !life.deleted.possible(evidence_.cut);
    const bool must_not =
        !life.created.possible(evidence_.cut) || life.deleted.certain(evidence_.cut);
    if (must && !found) evidence_.blame("topic {} {} is gone", t, life.name);
    if (must_not && found) evidence_.blame("topic {} {} should not be there", t, life.name);
    if (!found) continue;
    evidence_.alive.insert(t);
    const auto sizes = evidence_.candidates(life.sizes);
    const bool size_fits = std::ranges::any_of(sizes, [&](const auto* size) {
      return size->partitions == static_cast<int32_t>(found->partitions.size());
    });
    if (!size_fits)
      evidence_.blame("topic {} has {} partitions", life.name, found->partitions.size());
    const auto settings = evidence_.candidates(life.settings);
    const auto set = found->configs.find("max.message.bytes");
    const auto value = set == found->configs.end() ? "" : set->second;
    const bool none_is_right = settings.empty() || !settings.front()->moment.certain(evidence_.cut);
    if (value.empty() ? !none_is_right : std::ranges::none_of(settings, [&](const auto* setting) {
          return setting->value == value;
        })) {
      evidence_.blame("topic {} has max.message.bytes={}", life.name, value);
    }
  }
}

inline void RecoveredState::check_records() {
  for (const auto& [place, views] : evidence_.views) {
    for (const auto* view : {&views.raw, &views.committed}) {
      for (const auto& fault : view->faults)
        evidence_.blame("{}: {}", evidence_.name(place), fault);
    }
    std::set<std::string_view> seen;
    for (const auto& [offset, record] : views.raw.records) {
      const auto found = evidence_.by_value.find(record.value);
      if (found == evidence_.by_value.end()) {
        evidence_.blame("{}: offset {} holds what nobody sent: {:.20}", evidence_.name(place),
                        offset, record.value);
        continue;
      }
      const auto& [index, at] = found->second;
      const auto& batch = evidence_.history.batches[index];
      if (Place(batch.topic, batch.partition) != place || batch.keys[at] != record.key) {
        evidence_.blame("{}: offset {} holds what was sent elsewhere", evidence_.name(place),
                        offset);
      }
      if (!batch.moment.possible(evidence_.cut)) {
        evidence_.blame("{}: offset {} holds what is not sent yet", evidence_.name(place), offset);
      }
      if (batch.moment.certain(evidence_.cut) &&
          batch.offset + static_cast<int64_t>(at) != offset) {
        evidence_.blame("{}: offset {} was acknowledged as {}", evidence_.name(place), offset,
                        batch.offset + static_cast<int64_t>(at));
      }
      if (!seen.insert(record.value).second) {
        evidence_.blame("{}: offset {} holds {:.20} a second time", evidence_.name(place), offset,
                        record.value);
      }
    }
    check_log_start(place, views.raw);
  }
  for (const auto& batch : evidence_.history.batches) {
    if (!batch.moment.certain(evidence_.cut) || !evidence_.alive.contains(batch.topic)) continue;
    const auto view = evidence_.views.find({batch.topic, batch.partition});
    if (view == evidence_.views.end()) {
      evidence_.blame("{} with acknowledged records is gone",
                      evidence_.name({batch.topic, batch.partition}));
      continue;
    }
    check_present(batch, view->second.raw);
  }
}

inline void RecoveredState::check_present(const SentBatch& batch, const View& view) {
  for (size_t i = 0; i < batch.values.size(); ++i) {
    const int64_t offset = batch.offset + static_cast<int64_t>(i);
    if (offset < view.log_start || view.records.contains(offset)) continue;
    const auto newer = [&] {
      return std::ranges::any_of(view.records, [&](const auto& entry) {
        return entry.first > offset && entry.second.key == batch.keys[i];
      });
    };
    if (evidence_.history.topics[batch.topic].compacted && newer()) continue;
    evidence_.blame("{}: offset {} was acknowledged and is gone",
                    evidence_.name({batch.topic, batch.partition}), offset);
  }
}

inline void RecoveredState::check_log_start(const Place& place, const View& view) {
  int64_t least = 0;
  int64_t most = 0;
  for (const auto& move : evidence_.history.log_starts) {
    if (Place(move.topic, move.partition) != place) continue;
    if (move.promised && move.moment.certain(evidence_.cut)) least = std::max(least, move.reached);
    if (move.moment.possible(evidence_.cut)) most = std::max(most, move.reached);
  }
  if (view.log_start < least || view.log_start > most) {
    evidence_.blame("{}: the log starts at {}, expected {} to {}", evidence_.name(place),
                    view.log_start, least, most);
  }
}

/// Before anybody goes on: decided transactions, and the last stable offset of those that are open.
inline void RecoveredState::check_stable_offsets() {
  std::map<const SentTransaction*, std::pair<size_t, size_t>> seen;  // visible, hidden
  for (const auto& [place, views] : evidence_.views) {
    bool all_ended = true;
    for (const auto& [offset, record] : views.raw.records) {
      const auto* transaction = evidence_.transaction_of(record.value);
      const auto outcome =
          transaction ? evidence_.outcome_at_cut(*transaction) : Outcome::kCommitted;
      const bool visible = views.committed.records.contains(offset);
      const bool behind = offset >= views.raw.last_stable;
      all_ended &= outcome == Outcome::kCommitted || outcome == Outcome::kAborted;
      if (transaction && !behind) ++(visible ? seen[transaction].first : seen[transaction].second);
      if (outcome == Outcome::kOpen && !behind) {
        evidence_.blame("{}: offset {} of an open transaction is stable", evidence_.name(place),
                        offset);
      }
      if (outcome == Outcome::kCommitted && !behind && !visible) {
        evidence_.blame("{}: offset {} was committed and is hidden", evidence_.name(place), offset);
      }
      if (outcome == Outcome::kAborted && visible) {
        evidence_.blame("{}: offset {} was rolled back and is visible", evidence_.name(place),
                        offset);
      }
    }
    if (all_ended && views.raw.last_stable != views.raw.high_watermark) {
      evidence_.blame("{}: last stable offset {} of {}, and no transaction is open",
                      evidence_.name(place), views.raw.last_stable, views.raw.high_watermark);
    }
  }
  for (const auto& [transaction, counts] : seen) {
    if (counts.first > 0 && counts.second > 0) {
      evidence_.blame("transaction {}: {} records are visible, {} are not",
                      evidence_.index_of(*transaction), counts.first, counts.second);
    }
    if (counts.first > 0 && !transaction->commit) {
      evidence_.blame("transaction {} is visible, and nobody committed it",
                      evidence_.index_of(*transaction));
    }
  }
}

inline void RecoveredState::check_commits() {
  for (size_t group = 0; group < kGroups; ++group) {
    const auto there = evidence_.clients.committed(fmt::format("plain-{}", group), "plain");
    const auto expected = evidence_.candidates(evidence_.history.commits[group]);
    const bool may_be_none = expected.empty() || !expected.front()->moment.certain(evidence_.cut);
    if (there == -1 && may_be_none) continue;
    if (std::ranges::none_of(expected,
                             [&](const auto* commit) { return commit->offset == there; })) {
      evidence_.blame("group plain-{}: offset {} is none of those it may have", group, there);
    }
  }
}

}  // namespace freshet::broker::power_cut
