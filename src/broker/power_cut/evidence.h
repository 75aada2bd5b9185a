// What an inspection after a power cut works on: the node, the history, and what is wrong so far.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/power_cut/clients.h"

namespace freshet::broker::power_cut {

/// How a transaction stood when the power went.
enum class Outcome { kNotBegun, kOpen, kInDoubt, kCommitted, kAborted };

using Place = std::pair<size_t, int32_t>;  // of History::topics, partition

struct Views {
  View raw;
  View committed;
  friend bool operator==(const Views&, const Views&) = default;
};

/// The parts of an inspection share it, one after the other.
class Evidence {
 public:
  Evidence(Clients& clients, const History& history, size_t cut)
      : clients(clients), history(history), cut(cut) {
    for (size_t b = 0; b < history.batches.size(); ++b) {
      for (size_t i = 0; i < history.batches[b].values.size(); ++i) {
        by_value[history.batches[b].values[i]] = {b, i};
      }
    }
  }

  template <class... Values>
  void blame(fmt::format_string<Values...> text, Values&&... values) {
    faults.push_back(fmt::format(text, std::forward<Values>(values)...));
  }
  [[nodiscard]] std::string name(const Place& place) const {
    return fmt::format("{}[{}]-{}", history.topics[place.first].name, place.first, place.second);
  }

  /// Of things that replace each other: the last certain one, and what may have come after it.
  template <class Item>
  [[nodiscard]] std::vector<const Item*> candidates(const std::vector<Item>& items) const {
    std::vector<const Item*> found;
    for (const auto& item : items) {
      if (item.moment.certain(cut)) found.clear();
      if (item.moment.possible(cut) || item.moment.certain(cut)) found.push_back(&item);
    }
    return found;
  }

  [[nodiscard]] const SentTransaction* transaction_of(const std::string& value) const {
    const auto found = by_value.find(value);
    if (found == by_value.end()) return nullptr;
    const auto& sent = history.batches[found->second.first].transaction;
    return sent ? &history.transactions[*sent] : nullptr;
  }
  [[nodiscard]] size_t index_of(const SentTransaction& transaction) const {
    return static_cast<size_t>(&transaction - history.transactions.data());
  }
  [[nodiscard]] Outcome outcome_at_cut(const SentTransaction& transaction) const {
    if (!transaction.begun.possible(cut)) return Outcome::kNotBegun;
    if (transaction.end.certain(cut)) {
      return transaction.commit ? Outcome::kCommitted : Outcome::kAborted;
    }
    return transaction.end.possible(cut) ? Outcome::kInDoubt : Outcome::kOpen;
  }

  void read_all() {
    views.clear();
    for (const size_t topic : alive) {
      const auto& life = history.topics[topic];
      const auto partitions =
          static_cast<int32_t>(clients.services().topics.find(life.name)->partitions.size());
      for (int32_t p = 0; p < partitions; ++p) {
        views[{topic, p}] = {.raw = clients.view(life.name, p, false, life.compacted),
                             .committed = clients.view(life.name, p, true, life.compacted)};
      }
    }
  }

  Clients& clients;
  const History& history;
  const size_t cut;
  std::vector<std::string> faults;
  std::map<std::string, std::pair<size_t, size_t>> by_value;  // batch, record in it
  std::set<size_t> alive;                                     // topics
  std::map<Place, Views> views;
};

}  // namespace freshet::broker::power_cut
