#include "checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace freshet::history {
namespace {

struct Write {
  int32_t place = -1;
  int64_t transaction = -1;
  Phase phase = Phase::kInvoke;
  int64_t offset = -1;
  size_t answered = 0;  // which event
};

struct Transaction {
  bool commit_asked = false;
  Phase phase = Phase::kInvoke;  // of the end; kOk with `committed`
  bool committed = false;
  std::vector<int64_t> values;
  size_t answered = 0;
  std::map<std::pair<int32_t, int32_t>, int64_t> offsets;  // group and place
};

/// One reader in one place, from the invocation of its range on.
struct Reading {
  int64_t from = 0;
  int64_t last = -1;
  size_t invoked = 0;
  std::map<int64_t, int64_t> values;  // by offset
};

struct GroupOffsets {
  int64_t certain = -1;
  std::set<int64_t> possible;
};

class Checker {
 public:
  explicit Checker(std::span<const Event> events) : events_(events) {}

  std::vector<Finding> run() {
    for (at_ = 0; at_ < events_.size(); ++at_) take(events_[at_]);
    check_order();
    check_visibility();
    return std::move(findings_);
  }

 private:
  template <class... Values>
  void found(Anomaly anomaly, fmt::format_string<Values...> text, Values&&... values) {
    findings_.push_back({anomaly, at_, fmt::format(text, std::forward<Values>(values)...)});
  }

  void take(const Event& event) {
    switch (event.kind) {
      case Kind::kWrite:
        return write(event);
      case Kind::kEnd:
        return end(event);
      case Kind::kRead:
        return read(event);
      case Kind::kRange:
        return range(event);
      case Kind::kCommit:
        return commit(event);
      case Kind::kCommitted:
        return committed(event);
    }
  }

  void write(const Event& event) {
    auto& write = writes_[event.value];
    if (event.phase == Phase::kInvoke) {
      write = {.place = event.place, .transaction = event.transaction};
      if (event.transaction >= 0) transactions_[event.transaction].values.push_back(event.value);
      return;
    }
    write.phase = event.phase;
    write.offset = event.offset;
    write.answered = at_;
    if (event.phase == Phase::kFail && where_.contains(event.value)) {
      found(Anomaly::kPhantomRead, "value {} failed and had been read", event.value);
    }
    if (event.phase != Phase::kOk) return;
    see(event.place, event.offset, event.value);
    acknowledged_[event.place].emplace(event.offset, event.value);
  }

  /// Value and offset belong together from the first time anybody sees them so.
  void see(int32_t place, int64_t offset, int64_t value) {
    const auto [there, is_new] = content_[place].emplace(offset, value);
    if (!is_new && there->second != value) {
      found(Anomaly::kInconsistent, "place {} offset {} shows {} and {}", place, offset,
            there->second, value);
      return;
    }
    const auto [home, first] = where_.emplace(value, offset);
    if (!first && home->second != offset) {
      found(Anomaly::kDoubledWrite, "place {}: value {} at {} and {}", place, value, home->second,
            offset);
    }
  }

  void end(const Event& event) {
    auto& transaction = transactions_[event.transaction];
    if (event.phase == Phase::kInvoke) {
      transaction.commit_asked |= event.flag;
      return;
    }
    // A commit that failed is followed by its rollback, which says how it ended.
    transaction.phase = event.phase;
    transaction.committed = event.flag && event.phase == Phase::kOk;
    transaction.answered = at_;
    if (transaction.phase != Phase::kOk) return;
    for (const int64_t value : transaction.values) {
      if (transaction.committed || !seen_committed_.contains(value)) continue;
      found(Anomaly::kAbortedRead, "value {} of transaction {} had been read as committed", value,
            event.transaction);
    }
    for (const auto& [key, offset] : transaction.offsets) {
      auto& group = groups_[key];
      if (transaction.committed) {
        group.certain = std::max(group.certain, offset);
      } else {
        group.possible.erase(offset);
      }
    }
  }

  void read(const Event& event) {
    auto& reading = readings_[{event.process, event.place}];
    if (event.offset <= reading.last) {
      found(Anomaly::kReordered, "reader {} of place {} got offset {} after {}", event.process,
            event.place, event.offset, reading.last);
    }
    reading.last = event.offset;
    reading.values.emplace(event.offset, event.value);
    const auto write = writes_.find(event.value);
    if (write == writes_.end() || write->second.place != event.place) {
      found(Anomaly::kPhantomRead, "place {} offset {}: value {} was not written there",
            event.place, event.offset, event.value);
      return;
    }
    if (write->second.phase == Phase::kFail) {
      found(Anomaly::kPhantomRead, "place {} offset {}: value {} failed", event.place, event.offset,
            event.value);
    }
    see(event.place, event.offset, event.value);
    if (event.flag && write->second.transaction >= 0) {
      const auto& transaction = transactions_[write->second.transaction];
      const bool rolled_back = transaction.phase == Phase::kOk && !transaction.committed;
      if (rolled_back || !transaction.commit_asked) {
        found(Anomaly::kAbortedRead, "place {} offset {}: transaction {} is not committed",
              event.place, event.offset, write->second.transaction);
      }
      seen_committed_.insert(event.value);
    }
  }

  void range(const Event& event) {
    auto& reading = readings_[{event.process, event.place}];
    if (event.phase == Phase::kInvoke) {
      reading = {.from = event.offset, .last = event.offset - 1, .invoked = at_};
      return;
    }
    if (event.phase != Phase::kOk) return;
    const auto& acknowledged = acknowledged_[event.place];
    for (auto it = acknowledged.lower_bound(reading.from); it != acknowledged.end(); ++it) {
      const auto& [offset, value] = *it;
      const auto& write = writes_[value];
      if (write.answered >= reading.invoked) continue;
      if (event.flag) {
        if (offset >= event.offset) break;  // behind the last stable offset
        if (!is_committed_before(write, reading.invoked)) continue;
      }
      if (!reading.values.contains(offset)) {
        found(Anomaly::kLostWrite, "place {} offset {}: value {} is not there; read {} to {}",
              event.place, offset, value, reading.from, event.offset);
      }
    }
    if (event.flag) complete_.push_back({event.place, reading.from, event.offset, at_});
    reading.values.clear();
  }

  [[nodiscard]] bool is_committed_before(const Write& write, size_t event) const {
    if (write.transaction < 0) return true;
    const auto transaction = transactions_.find(write.transaction);
    return transaction != transactions_.end() && transaction->second.committed &&
           transaction->second.answered < event;
  }

  void commit(const Event& event) {
    auto& group = groups_[{event.process, event.place}];
    if (event.phase == Phase::kFail) {
      group.possible.erase(event.offset);
      return;
    }
    group.possible.insert(event.offset);
    if (event.transaction >= 0) {
      transactions_[event.transaction].offsets[{event.process, event.place}] = event.offset;
    } else if (event.phase == Phase::kOk) {
      group.certain = std::max(group.certain, event.offset);
    }
  }

  void committed(const Event& event) {
    const auto& group = groups_[{event.process, event.place}];
    const std::pair key{event.process, event.place};
    if (event.phase == Phase::kInvoke) {
      asked_certain_[key] = group.certain;
      return;
    }
    if (event.phase != Phase::kOk) return;
    const int64_t least = asked_certain_[key];
    if (event.offset < least) {
      found(Anomaly::kLostOffset, "group {} place {}: offset {} after {} was committed",
            event.process, event.place, event.offset, least);
    } else if (event.offset >= 0 && !group.possible.contains(event.offset)) {
      found(Anomaly::kUnknownOffset, "group {} place {}: nobody committed offset {}", event.process,
            event.place, event.offset);
    }
  }

  /// Values of one writer stand in a partition in the order in which they were written.
  void check_order() {
    for (const auto& [place, offsets] : content_) {
      std::unordered_map<int32_t, int64_t> last;
      for (const auto& [offset, value] : offsets) {
        auto& newest = last.try_emplace(writer_of(value), -1).first->second;
        if (value < newest) {
          found(Anomaly::kReordered, "place {} offset {}: value {} behind {}", place, offset, value,
                newest);
        }
        newest = std::max(newest, value);
      }
    }
  }

  /// Of a transaction everything or nothing, where readers of committed records have been.
  void check_visibility() {
    for (const auto& [id, transaction] : transactions_) {
      size_t visible = 0;
      size_t hidden = 0;
      for (const int64_t value : transaction.values) {
        const auto home = where_.find(value);
        if (home == where_.end()) continue;
        if (seen_committed_.contains(value)) {
          ++visible;
        } else if (was_passed(writes_[value].place, home->second, transaction.answered)) {
          ++hidden;
        }
      }
      if (visible > 0 && hidden > 0) {
        found(Anomaly::kTornTransaction, "transaction {}: {} records are visible, {} are not", id,
              visible, hidden);
      }
    }
  }
  [[nodiscard]] bool was_passed(int32_t place, int64_t offset, size_t after) const {
    return std::ranges::any_of(complete_, [&](const Complete& range) {
      return range.place == place && range.from <= offset && offset < range.to &&
             range.event > after;
    });
  }

  struct Complete {
    int32_t place;
    int64_t from;
    int64_t to;
    size_t event;
  };

  const std::span<const Event> events_;
  size_t at_ = 0;
  std::vector<Finding> findings_;
  std::unordered_map<int64_t, Write> writes_;
  std::unordered_map<int64_t, int64_t> where_;  // value to offset
  std::map<int32_t, std::map<int64_t, int64_t>> content_;
  std::map<int32_t, std::map<int64_t, int64_t>> acknowledged_;
  std::unordered_map<int64_t, Transaction> transactions_;
  std::map<std::pair<int32_t, int32_t>, Reading> readings_;
  std::map<std::pair<int32_t, int32_t>, GroupOffsets> groups_;
  std::map<std::pair<int32_t, int32_t>, int64_t> asked_certain_;
  std::set<int64_t> seen_committed_;
  std::vector<Complete> complete_;
};

}  // namespace

std::vector<Finding> check(std::span<const Event> events) { return Checker(events).run(); }

}  // namespace freshet::history
