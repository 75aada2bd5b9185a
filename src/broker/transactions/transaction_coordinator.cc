#include "broker/transactions/transaction_coordinator.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "base/crash_point.h"
#include "broker/topic_registry.h"
#include "broker/transactions/transaction_schema.h"
#include "kafka/transaction_marker.h"
#include "observe/log.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

const Logger logger("broker.transactions");

/// Requests of one id that wait for their turn; a client has one or two.
constexpr size_t kWaitingMax = 100;
/// A time-out that could not be written is tried again.
constexpr std::chrono::seconds kRetryAfter{1};

const TopicPartition& offsets_partition() {
  static const TopicPartition tp{std::string(kOffsetsTopic), 0};
  return tp;
}

bool is_retriable_write(const Result<void>& written) {
  return !written && written.error().code() == Errc::kUnavailable;
}

ErrorCode code_of(const Result<void>& written) {
  return written ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable;
}

std::vector<KeyedChange> change_of(const std::string& id, const Transaction& transaction) {
  std::vector<KeyedChange> changes;
  changes.push_back({encode_transaction_key(id), encode_transaction(transaction)});
  return changes;
}

}  // namespace

/// One transaction on its way from Prepare* to Complete*.
struct TransactionCoordinator::Ending {
  EntryPtr entry;
  Transaction prepared;
  OffsetsByGroup offsets;  // that come into force, or are forgotten
  Done done;
  std::atomic<size_t> outstanding = 0;
  std::mutex mutex;
  std::optional<Error> error;  // guarded by mutex: the first one

  void failed(const Error& failure) {
    const std::lock_guard lock(mutex);
    if (!error) error = failure;
  }
};

Result<std::unique_ptr<TransactionCoordinator>> TransactionCoordinator::open(
    std::unique_ptr<KeyedLog> log, TransactionSettings settings, Parts parts) {
  std::unique_ptr<TransactionCoordinator> coordinator(
      new TransactionCoordinator(std::move(log), settings, std::move(parts)));
  FRESHET_TRY_CONTEXT(coordinator->load(), "transaction state");
  FRESHET_TRY_CONTEXT(coordinator->recover(), "transactions that a crash cut short");
  return coordinator;
}

TransactionCoordinator::TransactionCoordinator(std::unique_ptr<KeyedLog> log,
                                               TransactionSettings settings, Parts parts)
    : settings_(settings), parts_(std::move(parts)), log_(std::move(log)) {}

TransactionCoordinator::~TransactionCoordinator() {
  stop();
  alive_.reset();
  log_.reset();
}

// ---- the start

Result<void> TransactionCoordinator::load() {
  Result<void> outcome;
  log_->visit([&](std::string_view key_bytes, std::string_view value) {
    if (!outcome) return;
    auto key = decode_transaction_log_key(key_bytes);
    if (!key) {
      outcome = std::unexpected(std::move(key).error());
    } else if (const auto* id = std::get_if<TransactionKey>(&*key)) {
      auto decoded = decode_transaction(value);
      if (decoded) {
        auto entry = std::make_shared<Entry>();
        entry->id = id->transactional_id;
        entry->transaction = std::move(*decoded);
        entries_[entry->id] = std::move(entry);
      } else {
        outcome = std::unexpected(std::move(decoded).error().with_context(id->transactional_id));
      }
    } else if (const auto* offset = std::get_if<PendingOffsetKey>(&*key)) {
      auto decoded = decode_offset_value(value);
      if (decoded) {
        pending_.add(offset->producer_id, offset->group, offset->tp, std::move(*decoded));
      } else {
        outcome = std::unexpected(std::move(decoded).error().with_context(offset->group));
      }
    }
  });
  return outcome;
}

Result<void> TransactionCoordinator::recover() {
  std::vector<std::pair<EntryPtr, std::future<ErrorCode>>> ending;
  for (const auto& [id, entry] : entries_) {
    const Transaction& transaction = entry->transaction;
    if (transaction.state == TransactionState::kOngoing) {
      allow(transaction, transaction.partitions);
    } else if (transaction.is_prepared()) {
      auto done = std::make_shared<std::promise<ErrorCode>>();
      ending.emplace_back(entry, done->get_future());
      entry->busy = true;
      finish(entry, transaction, [done](ErrorCode code) { done->set_value(code); });
    }
  }
  for (auto& [entry, code] : ending) {
    if (const ErrorCode outcome = code.get(); outcome != ErrorCode::kNone) {
      return fail(Errc::kIo, "transaction {} could not be completed: {}", entry->id, outcome);
    }
    logger.info("a transaction was completed after a crash", kv("transactional_id", entry->id),
                kv("state", transaction_state_name(entry->transaction.state)));
    release(entry);
  }
  return end_unknown_transactions();
}

// Every partition of a transaction is durable in the state log before the partition takes a batch
// of it, so there is none, unless the state log was lost or an older version has written here.
Result<void> TransactionCoordinator::end_unknown_transactions() {
  std::map<int64_t, const Transaction*> known;
  for (const auto& [id, entry] : entries_) {
    if (entry->transaction.state == TransactionState::kOngoing) {
      known[entry->transaction.producer.id] = &entry->transaction;
    }
  }
  for (const PartitionLogPtr& log : parts_.store.partitions()) {
    for (const ActiveProducer& producer : log->active_producers()) {
      if (producer.transaction_start == kNoOffset) continue;
      const auto found = known.find(producer.producer_id);
      if (found != known.end() && found->second->partitions.contains(log->tp())) continue;
      logger.warn("a transaction that no transactional id knows of is rolled back",
                  kv("partition", log->tp()), kv("producer_id", producer.producer_id),
                  kv("first_offset", producer.transaction_start));
      std::promise<AppendResult> done;
      const kafka::TransactionMarker marker{
          .producer_id = producer.producer_id, .producer_epoch = producer.epoch, .commit = false};
      log->append(AppendBatches::from_string(kafka::encode_marker(marker, now_ms())),
                  [&done](AppendResult result) { done.set_value(std::move(result)); });
      const AppendResult result = done.get_future().get();
      if (!result.ok()) return fail(Errc::kIo, "partition {}: {}", log->tp(), result.message);
    }
  }
  return {};
}

void TransactionCoordinator::set_wake_at(WakeAt wake_at) {
  {
    const std::lock_guard lock(mutex_);
    wake_at_ = std::move(wake_at);
  }
  tick();
}

void TransactionCoordinator::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

// ---- turns

ErrorCode TransactionCoordinator::submit(const std::string& id, bool create, Operation operation) {
  Action action;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return ErrorCode::kCoordinatorNotAvailable;
    auto found = entries_.find(id);
    if (found == entries_.end()) {
      if (!create) return ErrorCode::kInvalidProducerIdMapping;
      if (entries_.size() >= settings_.ids_max) {
        logger.warn("a transactional id was refused: too many", kv("ids_max", settings_.ids_max));
        return ErrorCode::kCoordinatorNotAvailable;
      }
      auto entry = std::make_shared<Entry>();
      entry->id = id;
      found = entries_.emplace(id, std::move(entry)).first;
    }
    const EntryPtr entry = found->second;
    if (entry->busy) {
      if (entry->waiting.size() >= kWaitingMax) return ErrorCode::kConcurrentTransactions;
      entry->waiting.push_back([this, entry, operation = std::move(operation)]() mutable {
        run(entry, std::move(operation));
      });
      return ErrorCode::kNone;
    }
    entry->busy = true;
    action = operation(entry);
  }
  action();
  return ErrorCode::kNone;
}

void TransactionCoordinator::run(const EntryPtr& entry, Operation operation) {
  Action action;
  {
    const std::lock_guard lock(mutex_);
    action = operation(entry);
  }
  action();
}

void TransactionCoordinator::release(const EntryPtr& entry) {
  std::move_only_function<void()> next;
  {
    const std::lock_guard lock(mutex_);
    if (entry->waiting.empty()) {
      entry->busy = false;
      return;
    }
    next = std::move(entry->waiting.front());
    entry->waiting.pop_front();
  }
  next();
}

// ---- writing

void TransactionCoordinator::write(std::vector<KeyedChange> changes, KeyedLog::WriteDone done) {
  std::vector<KeyedChange> again = changes;
  log_->write(std::move(changes), [this, again = std::move(again),
                                   done = std::move(done)](Result<void> written) mutable {
    if (!is_retriable_write(written)) return done(std::move(written));
    parts_.store.on_room([this, alive = std::weak_ptr(alive_), again = std::move(again),
                          done = std::move(done)]() mutable {
      if (!alive.expired()) write(std::move(again), std::move(done));
    });
  });
}

void TransactionCoordinator::persist(const EntryPtr& entry, Transaction next, Done done) {
  auto changes = change_of(entry->id, next);
  write(std::move(changes), [this, entry, next = std::move(next),
                             done = std::move(done)](Result<void> written) mutable {
    if (written) {
      const std::lock_guard lock(mutex_);
      entry->transaction = std::move(next);
      if (entry->transaction.state == TransactionState::kOngoing) arm(entry->transaction);
    } else {
      logger.error("a transaction's state could not be written", kv("transactional_id", entry->id),
                   kv("error", written.error()));
    }
    done(code_of(written));
  });
}

void TransactionCoordinator::allow(const Transaction& transaction,
                                   const std::set<TopicPartition>& partitions) {
  for (const TopicPartition& tp : partitions) {
    if (tp == offsets_partition()) continue;
    const PartitionLogPtr log = parts_.find_partition(tp);
    if (log) log->allow_transaction(transaction.producer.id, transaction.producer.epoch);
  }
}

void TransactionCoordinator::finish(const EntryPtr& entry, Transaction prepared, Done done) {
  auto ending = std::make_shared<Ending>();
  ending->entry = entry;
  ending->offsets = pending_.of(prepared.producer.id);
  ending->prepared = std::move(prepared);
  ending->done = std::move(done);
  try_finish(ending);
}

void TransactionCoordinator::try_finish(const std::shared_ptr<Ending>& ending) {
  const Transaction& prepared = ending->prepared;
  const bool commit = prepared.state == TransactionState::kPrepareCommit;
  ending->error.reset();
  std::vector<PartitionAppend> appends;
  std::vector<std::shared_ptr<const void>> entered;
  const auto landed = [this, ending](Result<void> written) {
    if (!written) ending->failed(written.error());
    if (ending->outstanding.fetch_sub(1) == 1) finished(ending);
  };
  bool rolling = false;
  const auto take = [&](std::optional<KeyedLog::Staged> staged) {
    if (!staged) {
      rolling = true;
      return;
    }
    appends.push_back(std::move(staged->append));
    entered.push_back(std::move(staged->entered));
  };

  take(log_->stage(change_of(ending->entry->id, prepared), landed));
  for (const TopicPartition& tp : prepared.partitions) {
    const PartitionLogPtr log = tp == offsets_partition() ? nullptr : parts_.find_partition(tp);
    if (!log) continue;  // the topic was deleted meanwhile
    const kafka::TransactionMarker marker{.producer_id = prepared.producer.id,
                                          .producer_epoch = prepared.producer.epoch,
                                          .commit = commit};
    appends.push_back({log, AppendBatches::from_string(kafka::encode_marker(marker, now_ms())),
                       [landed](AppendResult result) {
                         if (result.ok() || result.status == AppendStatus::kDeleted) {
                           return landed({});
                         }
                         const bool full = result.status == AppendStatus::kOverloaded;
                         landed(fail(full ? Errc::kUnavailable : Errc::kIo, "{}", result.message));
                       }});
  }
  if (commit && !ending->offsets.empty() && !rolling) {
    std::vector<KeyedLog::Staged> staged;
    rolling = !parts_.groups.stage_offsets(ending->offsets, landed, staged);
    for (auto& offsets : staged) take(std::move(offsets));
  }
  if (!rolling) {
    auto changes = change_of(ending->entry->id, completed(prepared, now_ms()));
    for (const auto& [group, offsets] : ending->offsets) {
      for (const auto& [tp, offset] : offsets) {
        changes.push_back(
            {encode_pending_offset_key({prepared.producer.id, group, tp}), std::nullopt});
      }
    }
    take(log_->stage(std::move(changes), landed));
  }
  ending->outstanding = appends.size();
  if (!rolling) {
    parts_.store.append_together(std::move(appends));
    return;
  }
  // One of the state logs is being rolled: none of this is written, all of it comes again.
  ending->outstanding = appends.size() + 1;
  AppendResult refused;
  refused.status = AppendStatus::kOverloaded;
  refused.message = "the state log is being rolled";
  for (auto& append : appends) append.done(refused);
  entered.clear();
  landed(fail(Errc::kUnavailable, "{}", refused.message));
}

void TransactionCoordinator::finished(const std::shared_ptr<Ending>& ending) {
  std::optional<Error> error;
  {
    const std::lock_guard lock(ending->mutex);
    error = ending->error;
  }
  if (error && error->code() == Errc::kUnavailable) {
    // The groups and the store may outlive this object by a little.
    const auto if_alive = [alive = std::weak_ptr(alive_)](auto then) {
      return [alive, then = std::move(then)] {
        if (!alive.expired()) then();
      };
    };
    log_->when_rolled(if_alive([this, ending, if_alive] {
      parts_.groups.when_stageable(if_alive([this, ending, if_alive] {
        parts_.store.on_room(if_alive([this, ending] { try_finish(ending); }));
      }));
    }));
    return;
  }
  if (error) {
    logger.error("a transaction could not be ended", kv("transactional_id", ending->entry->id),
                 kv("error", *error));
    ending->done(ErrorCode::kCoordinatorNotAvailable);
    return;
  }
  pending_.remove(ending->prepared.producer.id);
  {
    const std::lock_guard lock(mutex_);
    ending->entry->transaction = completed(ending->prepared, now_ms());
  }
  ending->done(ErrorCode::kNone);
}

// ---- requests

void TransactionCoordinator::init(const std::string& id, Millis timeout,
                                  std::optional<ProducerIdentity> expected, InitDone done) {
  if (timeout <= Millis(0) || timeout > settings_.timeout_max) {
    return done(ErrorCode::kInvalidTransactionTimeout, {});
  }
  InitRequest request;
  request.timeout_ms = static_cast<int32_t>(timeout.count());
  request.expected = expected;
  auto shared = std::make_shared<InitDone>(std::move(done));
  const ErrorCode refused = submit(id, /*create=*/true, [this, request, shared](const EntryPtr& e) {
    return [this, e, request, shared] { init_now(e, request, std::move(*shared)); };
  });
  if (refused != ErrorCode::kNone) (*shared)(refused, {});
}

// The id's turn is ours, so its state does not change beneath.
void TransactionCoordinator::init_now(const EntryPtr& entry, InitRequest request, InitDone done) {
  InitDecision decision;
  {
    const std::lock_guard lock(mutex_);
    decision = decide_init(entry->transaction, request, now_ms());
  }
  if (decision.abort_first) {
    return finish(entry, std::move(*decision.next),
                  [this, entry, request, done = std::move(done)](ErrorCode code) mutable {
                    if (code == ErrorCode::kNone) return init_now(entry, request, std::move(done));
                    done(code, {});
                    release(entry);
                  });
  }
  if (decision.new_producer_id) {
    return parts_.producer_ids.next(
        [this, entry, request, done = std::move(done)](Result<int64_t> fresh) mutable {
          if (fresh) {
            request.fresh_id = *fresh;
            return init_now(entry, request, std::move(done));
          }
          logger.error("no producer id could be reserved", kv("error", fresh.error()));
          done(ErrorCode::kCoordinatorNotAvailable, {});
          release(entry);
        });
  }
  if (!decision.next) {
    done(decision.error, {});
    return release(entry);
  }
  const ProducerIdentity producer = decision.next->producer;
  persist(entry, std::move(*decision.next),
          [this, entry, producer, done = std::move(done)](ErrorCode code) mutable {
            done(code, code == ErrorCode::kNone ? producer : ProducerIdentity());
            release(entry);
          });
}

void TransactionCoordinator::add_partitions(const std::string& id, const ProducerIdentity& producer,
                                            std::set<TopicPartition> partitions, Done done) {
  auto shared = std::make_shared<Done>(std::move(done));
  const auto operation = [this, producer, partitions = std::move(partitions),
                          shared](const EntryPtr& entry) -> Action {
    TransactionDecision decision = decide_add(entry->transaction, producer, partitions, now_ms());
    return [this, entry, partitions, decision = std::move(decision), shared]() mutable {
      if (!decision.next) {
        (*shared)(decision.error);
        return release(entry);
      }
      persist(entry, std::move(*decision.next), [this, entry, partitions, shared](ErrorCode code) {
        if (code == ErrorCode::kNone) allow(entry->transaction, partitions);
        (*shared)(code);
        release(entry);
      });
    };
  };
  const ErrorCode refused = submit(id, /*create=*/false, operation);
  if (refused != ErrorCode::kNone) (*shared)(refused);
}

void TransactionCoordinator::add_offsets(const std::string& id, const ProducerIdentity& producer,
                                         Done done) {
  add_partitions(id, producer, {offsets_partition()}, std::move(done));
}

void TransactionCoordinator::commit_offsets(const std::string& id, const ProducerIdentity& producer,
                                            const std::string& group, const MemberIdentity& who,
                                            std::vector<OffsetToCommit> offsets, CommitDone done) {
  const size_t count = offsets.size();
  auto shared = std::make_shared<CommitDone>(std::move(done));
  auto moved = std::make_shared<std::vector<OffsetToCommit>>(std::move(offsets));
  const auto operation = [this, producer, group, who, moved, shared,
                          count](const EntryPtr& entry) -> Action {
    ErrorCode refused = check_member(entry->transaction, producer, offsets_partition());
    return [this, entry, group, who, moved, shared, count, refused]() mutable {
      if (refused == ErrorCode::kNone) {
        refused = parts_.groups.check_transactional_commit(group, who);
      }
      if (refused != ErrorCode::kNone) {
        (*shared)(std::vector<ErrorCode>(count, refused));
        return release(entry);
      }
      add_pending(entry, group, std::move(*moved), std::move(*shared));
    };
  };
  const ErrorCode refused = submit(id, /*create=*/false, operation);
  if (refused != ErrorCode::kNone) (*shared)(std::vector<ErrorCode>(count, refused));
}

void TransactionCoordinator::add_pending(const EntryPtr& entry, const std::string& group,
                                         std::vector<OffsetToCommit> offsets, CommitDone done) {
  const int64_t producer_id = entry->transaction.producer.id;
  const int64_t committed_ms = now_ms();
  const uint64_t order = parts_.groups.next_commit_order();
  std::vector<ErrorCode> codes(offsets.size(), ErrorCode::kNone);
  std::vector<KeyedChange> changes;
  for (size_t i = 0; i < offsets.size(); ++i) {
    OffsetToCommit& offset = offsets[i];
    if (offset.metadata.size() > kOffsetMetadataBytesMax) {
      codes[i] = ErrorCode::kOffsetMetadataTooLarge;
      continue;
    }
    CommittedOffset value{offset.offset, offset.leader_epoch, std::move(offset.metadata),
                          committed_ms};
    value.order = order;
    changes.push_back(
        {encode_pending_offset_key({producer_id, group, offset.tp}), encode_offset_value(value)});
    // Before it is durable: whoever reads stable offsets from now on waits for the end.
    pending_.add(producer_id, group, offset.tp, std::move(value));
  }
  if (changes.empty()) {
    done(std::move(codes));
    return release(entry);
  }
  write(std::move(changes), [this, entry, codes = std::move(codes),
                             done = std::move(done)](Result<void> written) mutable {
    if (!written) {
      logger.error("offsets of a transaction could not be written",
                   kv("transactional_id", entry->id), kv("error", written.error()));
      std::ranges::replace(codes, ErrorCode::kNone, ErrorCode::kCoordinatorNotAvailable);
    }
    done(std::move(codes));
    release(entry);
  });
}

void TransactionCoordinator::end(const std::string& id, const ProducerIdentity& producer,
                                 bool commit, Done done) {
  auto shared = std::make_shared<Done>(std::move(done));
  const auto operation = [this, producer, commit, shared](const EntryPtr& entry) -> Action {
    TransactionDecision decision = decide_end(entry->transaction, producer, commit, now_ms());
    return [this, entry, decision = std::move(decision), shared]() mutable {
      if (!decision.next) {
        (*shared)(decision.error);
        return release(entry);
      }
      finish(entry, std::move(*decision.next), [this, entry, shared](ErrorCode code) {
        (*shared)(code);
        release(entry);
      });
    };
  };
  const ErrorCode refused = submit(id, /*create=*/false, operation);
  if (refused != ErrorCode::kNone) (*shared)(refused);
}

// ---- time

void TransactionCoordinator::arm(const Transaction& transaction) {
  const auto left = Millis(std::max<int64_t>(0, times_out_at_ms(transaction) - now_ms()));
  const SteadyTime due = parts_.clock.steady() + left;
  if (armed_ && *armed_ <= due) return;
  armed_ = due;
  if (wake_at_) wake_at_(due);
}

void TransactionCoordinator::retry_later() {
  const std::lock_guard lock(mutex_);
  armed_ = parts_.clock.steady() + kRetryAfter;
  if (wake_at_) wake_at_(*armed_);
}

void TransactionCoordinator::tick() {
  std::vector<std::string> late;
  {
    const std::lock_guard lock(mutex_);
    armed_.reset();
    for (const auto& [id, entry] : entries_) {
      if (entry->transaction.state != TransactionState::kOngoing) continue;
      if (times_out_at_ms(entry->transaction) > now_ms()) {
        arm(entry->transaction);
      } else {
        late.push_back(id);
      }
    }
  }
  for (const std::string& id : late) {
    submit(id, /*create=*/false, [this](const EntryPtr& entry) -> Action {
      const Transaction& transaction = entry->transaction;
      const bool still = transaction.state == TransactionState::kOngoing &&
                         times_out_at_ms(transaction) <= now_ms();
      if (!still) return [this, entry] { release(entry); };
      logger.warn("a transaction has timed out and is rolled back",
                  kv("transactional_id", entry->id), kv("timeout_ms", transaction.timeout_ms));
      return [this, entry, prepared = fenced(transaction, now_ms())]() mutable {
        finish(entry, std::move(prepared), [this, entry](ErrorCode code) {
          if (code != ErrorCode::kNone) retry_later();
          release(entry);
        });
      };
    });
  }
}

void TransactionCoordinator::expire_ids() {
  std::vector<KeyedChange> tombstones;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    const int64_t before_ms = now_ms() - settings_.id_expiration.count();
    std::erase_if(entries_, [&](const auto& item) {
      const Entry& entry = *item.second;
      const bool used = entry.busy || entry.transaction.state == TransactionState::kOngoing ||
                        entry.transaction.is_prepared() || entry.transaction.updated_ms > before_ms;
      if (!used && entry.transaction.producer.id >= 0) {
        tombstones.push_back({encode_transaction_key(entry.id), std::nullopt});
      }
      return !used;
    });
  }
  if (tombstones.empty()) return;
  logger.info("transactional ids that nobody used have expired", kv("ids", tombstones.size()));
  write(std::move(tombstones), [](Result<void> written) {
    if (written) return;
    logger.warn("expired transactional ids come back with the next start",
                kv("error", written.error()));
  });
}

// ---- looking

std::optional<Transaction> TransactionCoordinator::describe(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second->transaction.producer.id < 0) return std::nullopt;
  return found->second->transaction;
}

std::vector<TransactionListing> TransactionCoordinator::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<TransactionListing> all;
  for (const auto& [id, entry] : entries_) {
    if (entry->transaction.producer.id >= 0) all.push_back({id, entry->transaction});
  }
  return all;
}

}  // namespace freshet::broker
