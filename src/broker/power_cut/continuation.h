// What must hold while the clients go on with a node that is back, and when it starts once more.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/power_cut/evidence.h"

namespace freshet::broker::power_cut {

/// After RecoveredState found nothing wrong.
class Continuation {
 public:
  explicit Continuation(Evidence& evidence) : evidence_(evidence) {
    outcomes_.resize(evidence.history.transactions.size());
  }

  void check() {
    settle_transactions();
    go_on();
    check_settled();
    check_producer_ids();
    if (evidence_.faults.empty()) check_reopened();
  }

 private:
  void settle_transactions();
  void go_on();
  void check_resent(const SentBatch& batch);
  void check_settled();
  void check_producer_ids();
  void check_reopened();
  [[nodiscard]] std::string describe(const SentTransaction& transaction) const {
    const auto& producer = evidence_.history.producers[transaction.producer];
    return fmt::format("transaction {} of {} epoch {}: {} at {} to {}",
                       evidence_.index_of(transaction), producer.transactional_id, producer.epoch,
                       transaction.taken_over ? "taken over"
                       : transaction.commit   ? "commit"
                                              : "abort",
                       static_cast<int64_t>(transaction.end.asked),
                       static_cast<int64_t>(transaction.end.answered));
  }
  [[nodiscard]] std::vector<int64_t> committed_by(const std::string& id) const;

  Evidence& evidence_;
  std::vector<Outcome> outcomes_;
};

/// Every client does what it does after it lost its connection: asks again.
inline void Continuation::settle_transactions() {
  std::map<std::string, const SentTransaction*> last;
  for (const auto& transaction : evidence_.history.transactions) {
    const auto outcome = evidence_.outcome_at_cut(transaction);
    outcomes_[evidence_.index_of(transaction)] = outcome;
    if (outcome == Outcome::kNotBegun) continue;
    last[evidence_.history.producers[transaction.producer].transactional_id] = &transaction;
  }
  for (const auto& [id, transaction] : last) {
    auto& outcome = outcomes_[evidence_.index_of(*transaction)];
    const auto& producer = evidence_.history.producers[transaction->producer];
    if (outcome == Outcome::kInDoubt && !transaction->taken_over) {
      const auto code =
          evidence_.clients.end_answer(evidence_.clients.send_end(producer, transaction->commit));
      if (code != ErrorCode::kNone) {
        evidence_.blame("transaction {}: the repeated end is answered {}",
                        evidence_.index_of(*transaction), static_cast<int>(code));
      }
      outcome = transaction->commit ? Outcome::kCommitted : Outcome::kAborted;
    } else if (outcome == Outcome::kOpen && transaction->begun.certain(evidence_.cut)) {
      std::map<int32_t, const SentBatch*> last_batches;
      for (const size_t index : transaction->batches) {
        const auto& batch = evidence_.history.batches[index];
        if (batch.moment.possible(evidence_.cut)) last_batches[batch.partition] = &batch;
      }
      for (const auto& [partition, batch] : last_batches) check_resent(*batch);
      const auto code = evidence_.clients.end_answer(evidence_.clients.send_end(producer, true));
      if (code != ErrorCode::kNone) {
        evidence_.blame("transaction {}: it was open and its commit is answered {}",
                        evidence_.index_of(*transaction), static_cast<int>(code));
      }
      outcome = Outcome::kCommitted;
    } else if (outcome == Outcome::kOpen || outcome == Outcome::kInDoubt) {
      evidence_.clients.init_producer(id);
      outcome = Outcome::kAborted;
    }
  }
}

/// The same batch again gives the same offset if it was acknowledged, and one offset in any case.
inline void Continuation::check_resent(const SentBatch& batch) {
  if (!batch.moment.possible(evidence_.cut) || !evidence_.alive.contains(batch.topic)) return;
  if (!evidence_.views.contains({batch.topic, batch.partition})) return;
  const auto answer =
      evidence_.clients.batch_answer(evidence_.clients.send_batch(evidence_.history, batch));
  const Place place{batch.topic, batch.partition};
  if (answer.error_code != ErrorCode::kNone) {
    evidence_.blame("{}: a batch sent again is answered {} ({})", evidence_.name(place),
                    static_cast<int>(answer.error_code), answer.error_message.value_or(""));
  } else if (batch.moment.certain(evidence_.cut) && answer.base_offset != batch.offset) {
    evidence_.blame("{}: a batch sent again is at {}, it was at {}", evidence_.name(place),
                    answer.base_offset, batch.offset);
  }
}

/// Idempotent producers repeat their last batch, skip one, and send the next.
inline void Continuation::go_on() {
  std::map<std::tuple<size_t, size_t, int32_t>, const SentBatch*> last;
  for (const auto& batch : evidence_.history.batches) {
    if (!batch.moment.possible(evidence_.cut) || batch.transaction) continue;
    if (!evidence_.alive.contains(batch.topic) ||
        !evidence_.views.contains({batch.topic, batch.partition}))
      continue;
    last[{batch.producer, batch.topic, batch.partition}] = &batch;
  }
  for (const auto& [key, batch] : last) {
    check_resent(*batch);
    SentBatch next = *batch;
    next.first_sequence += static_cast<int32_t>(batch->values.size());
    for (const int32_t skipped : {7, 0}) {
      const auto& producer = evidence_.history.producers[next.producer];
      kafka::RecordBatchBuilder builder({.producer_id = producer.id,
                                         .producer_epoch = producer.epoch,
                                         .base_sequence = next.first_sequence + skipped});
      builder.append(evidence_.clients.now(), "key on", fmt::format("on {}", next.first_sequence));
      next.bytes = builder.build();
      const auto answer =
          evidence_.clients.batch_answer(evidence_.clients.send_batch(evidence_.history, next));
      const auto expected = skipped > 0 ? ErrorCode::kOutOfOrderSequenceNumber : ErrorCode::kNone;
      if (answer.error_code != expected) {
        evidence_.blame("{}: the next sequence plus {} is answered {}",
                        evidence_.name({next.topic, next.partition}), skipped,
                        static_cast<int>(answer.error_code));
      }
    }
  }
}

inline std::vector<int64_t> Continuation::committed_by(const std::string& id) const {
  std::vector<int64_t> expected{-1};
  for (const auto& transaction : evidence_.history.transactions) {
    if (evidence_.history.producers[transaction.producer].transactional_id != id) continue;
    if (outcomes_[evidence_.index_of(transaction)] != Outcome::kCommitted) continue;
    const auto offsets = evidence_.candidates(transaction.offsets);
    if (!offsets.empty() && offsets.front()->moment.certain(evidence_.cut)) expected.clear();
    for (const auto* offset : offsets) expected.push_back(offset->offset);
  }
  return expected;
}

/// No transaction is open any more: what was rolled back is hidden, all else is visible.
inline void Continuation::check_settled() {
  const auto before = evidence_.views;
  evidence_.read_all();
  for (const auto& [place, views] : evidence_.views) {
    if (views.raw.last_stable != views.raw.high_watermark) {
      evidence_.blame("{}: last stable offset {} of {} after all transactions ended",
                      evidence_.name(place), views.raw.last_stable, views.raw.high_watermark);
    }
    std::set<std::string_view> values;
    for (const auto& [offset, record] : views.raw.records) {
      const auto* transaction = evidence_.transaction_of(record.value);
      const bool hidden =
          transaction && outcomes_[evidence_.index_of(*transaction)] == Outcome::kAborted;
      if (views.committed.records.contains(offset) == hidden) {
        evidence_.blame("{}: offset {} is {} ({})", evidence_.name(place), offset,
                        hidden ? "rolled back and visible" : "committed and hidden",
                        transaction ? describe(*transaction) : "no transaction");
      }
      if (evidence_.by_value.contains(record.value) && !values.insert(record.value).second) {
        evidence_.blame("{}: offset {} doubles a record that was sent again", evidence_.name(place),
                        offset);
      }
    }
    for (const auto& [offset, record] : before.at(place).raw.records) {
      const auto now = views.raw.records.find(offset);
      if (now == views.raw.records.end() || now->second != record) {
        evidence_.blame("{}: offset {} changed while clients went on", evidence_.name(place),
                        offset);
      }
    }
  }
  for (const char* id : {"one", "two"}) {
    const auto there = evidence_.clients.committed(fmt::format("group-{}", id), "plain");
    const auto expected = committed_by(id);
    if (std::ranges::find(expected, there) == expected.end()) {
      evidence_.blame("group-{}: offset {}, expected {}", id, there, fmt::join(expected, " or "));
    }
  }
}

inline void Continuation::check_producer_ids() {
  int64_t largest = -1;
  std::map<std::string, Producer> named;
  for (const auto& producer : evidence_.history.producers) {
    if (!producer.made.certain(evidence_.cut)) continue;
    largest = std::max(largest, producer.id);
    auto& newest = named[producer.transactional_id];
    if (std::pair(producer.id, producer.epoch) > std::pair(newest.id, newest.epoch)) {
      newest = producer;
    }
  }
  const auto fresh = evidence_.clients.init_producer("");
  if (fresh.id <= largest) evidence_.blame("producer id {} was given out before", fresh.id);
  for (const auto& [id, newest] : named) {
    if (id.empty()) continue;
    const auto next = evidence_.clients.init_producer(id);
    if (next.id != newest.id || next.epoch <= newest.epoch) {
      evidence_.blame("{}: producer {} epoch {} after {} epoch {}", id, next.id, next.epoch,
                      newest.id, newest.epoch);
    }
  }
}

/// Recovery of a recovered log finds the same.
inline void Continuation::check_reopened() {
  evidence_.read_all();
  const auto before = evidence_.views;
  std::vector<int64_t> offsets;
  const auto read_offsets = [&] {
    std::vector<int64_t> found;
    for (const char* group : {"plain-0", "plain-1", "plain-2", "group-one", "group-two"}) {
      found.push_back(evidence_.clients.committed(group, "plain"));
    }
    return found;
  };
  offsets = read_offsets();
  evidence_.clients.end_node();
  if (const auto opened = evidence_.clients.open_node(); !opened) {
    evidence_.blame("the node does not open a second time: {}", opened.error().message());
    return;
  }
  evidence_.read_all();
  for (const auto& [place, views] : evidence_.views) {
    if (views != before.at(place))
      evidence_.blame("{}: differs when opened once more", evidence_.name(place));
  }
  if (read_offsets() != offsets) evidence_.blame("offsets of groups differ when opened once more");
}

}  // namespace freshet::broker::power_cut
