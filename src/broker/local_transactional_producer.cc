#include "broker/local_transactional_producer.h"

#include <utility>

#include "kafka/transaction_marker.h"
#include "observe/log.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

const Logger logger("broker.producer");

kafka::TransactionalProducer::Sent ready_error(Error error) {
  std::promise<Result<std::vector<Offset>>> promise;
  promise.set_value(std::unexpected(std::move(error)));
  return promise.get_future().share();
}

/// Blocks until the coordinator calls back.
template <class T, class Start>
T wait_for(Start start) {
  std::promise<T> promise;
  auto result = promise.get_future();
  start([&promise](T value) { promise.set_value(std::move(value)); });
  return result.get();
}

}  // namespace

Result<std::unique_ptr<LocalTransactionalProducer>> LocalTransactionalProducer::make(
    Services& services, std::string transactional_id, Millis timeout) {
  if (transactional_id.empty()) {
    return fail(Errc::kInvalidArgument, "a transactional producer needs a transactional id");
  }
  std::unique_ptr<LocalTransactionalProducer> producer(
      new LocalTransactionalProducer(services, std::move(transactional_id), timeout));
  FRESHET_TRY(producer->init(std::nullopt));
  return producer;
}

LocalTransactionalProducer::~LocalTransactionalProducer() {
  if (!open_ || fenced_ || services_.stopping) return;
  if (auto aborted = abort(); !aborted) {
    logger.warn("an open transaction was left to its time-out", kv("error", aborted.error()));
  }
}

Result<void> LocalTransactionalProducer::init(std::optional<ProducerIdentity> self) {
  using Answer = std::pair<ErrorCode, ProducerIdentity>;
  const auto [code, producer] = wait_for<Answer>([&](auto done) {
    services_.transactions.init(
        transactional_id_, timeout_, self,
        [done](ErrorCode answer, ProducerIdentity given) { done(Answer(answer, given)); });
  });
  FRESHET_TRY(outcome(code, "start of a producer"));
  identity_ = producer;
  next_sequences_.clear();
  gap_ = false;
  return {};
}

Result<void> LocalTransactionalProducer::outcome(ErrorCode code, std::string_view what) {
  switch (code) {
    case ErrorCode::kNone:
      return {};
    case ErrorCode::kProducerFenced:
    case ErrorCode::kInvalidProducerEpoch:
    case ErrorCode::kInvalidProducerIdMapping:
      fenced_ = true;
      return fail(Errc::kFenced,
                  "transactional id {}: {}: its transaction has timed out, or another producer has "
                  "taken it over",
                  transactional_id_, what);
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kFencedInstanceId:
      return fail(Errc::kFenced, "transactional id {}: {}: the consumer is no member any more: {}",
                  transactional_id_, what, code);
    default:
      if (services_.stopping) return fail(Errc::kCancelled, "the broker is stopping");
      return std::unexpected(kafka::to_error(code).with_context(
          fmt::format("transactional id {}: {}", transactional_id_, what)));
  }
}

Result<void> LocalTransactionalProducer::begin() {
  if (fenced_) return fail(Errc::kFenced, "transactional id {} is fenced", transactional_id_);
  if (open_) {
    return fail(Errc::kRefused, "transactional id {}: a transaction is open already",
                transactional_id_);
  }
  open_ = true;
  return {};
}

Result<void> LocalTransactionalProducer::check_open() const {
  if (fenced_) return fail(Errc::kFenced, "transactional id {} is fenced", transactional_id_);
  if (open_) return {};
  return fail(Errc::kRefused, "transactional id {}: no transaction is open", transactional_id_);
}

Result<void> LocalTransactionalProducer::add_partitions(
    const std::vector<kafka::PartitionBatch>& batches) {
  std::set<TopicPartition> fresh;
  for (const auto& batch : batches) {
    if (added_.contains(batch.tp)) continue;
    const TopicPtr topic = services_.topics.find(batch.tp.topic);
    if (!topic || !topic->partition(batch.tp.partition)) {
      return fail(Errc::kNotFound, "partition {} does not exist", batch.tp);
    }
    if (topic->internal) {
      return fail(Errc::kRefused, "topic {} belongs to the broker", batch.tp.topic);
    }
    fresh.insert(batch.tp);
  }
  if (fresh.empty()) return {};
  const ErrorCode code = wait_for<ErrorCode>([&](auto done) {
    services_.transactions.add_partitions(transactional_id_, identity_, fresh, std::move(done));
  });
  FRESHET_TRY(outcome(code, "partitions of a transaction"));
  added_.merge(fresh);
  return {};
}

Result<void> LocalTransactionalProducer::stamp(kafka::PartitionBatch& batch) {
  std::string_view rest = batch.batch;
  FRESHET_ASSIGN_CONTEXT(const auto view, kafka::next_batch(rest), "partition {}", batch.tp);
  if (!view || !rest.empty() || view->is_control() || view->last_offset_delta() < 0) {
    return fail(Errc::kInvalidArgument, "partition {}: exactly one record batch is expected",
                batch.tp);
  }
  int32_t& next = next_sequences_[batch.tp];
  kafka::set_producer(batch.batch.data(), batch.batch.size(), identity_.id, identity_.epoch, next,
                      /*transactional=*/true);
  next = static_cast<int32_t>((int64_t{next} + view->last_offset_delta() + 1) & INT32_MAX);
  return {};
}

LocalTransactionalProducer::Sent LocalTransactionalProducer::send(
    std::vector<kafka::PartitionBatch> batches) {
  const auto prepare = [&]() -> Result<void> {
    FRESHET_TRY(check_open());
    FRESHET_TRY(add_partitions(batches));
    for (auto& batch : batches) FRESHET_TRY(stamp(batch));
    return {};
  };
  auto prepared = prepare();
  if (!prepared && open_) gap_ = true;
  Sent sent = prepared ? producer_.produce(std::move(batches)).share()
                       : ready_error(std::move(prepared).error());
  if (open_) sent_.push_back(sent);
  return sent;
}

Result<void> LocalTransactionalProducer::send_offsets(
    const kafka::GroupMembership& who, std::span<const kafka::OffsetCommit> offsets) {
  const LocalThrottle::Work work(producer_.throttle());
  FRESHET_TRY(check_open());
  if (offsets.empty()) return {};
  if (!offsets_added_) {
    const ErrorCode code = wait_for<ErrorCode>([&](auto done) {
      services_.transactions.add_offsets(transactional_id_, identity_, std::move(done));
    });
    FRESHET_TRY(outcome(code, "offsets of a transaction"));
    offsets_added_ = true;
  }
  std::vector<OffsetToCommit> commits;
  for (const auto& offset : offsets) {
    const TopicPtr topic = services_.topics.find(offset.tp.topic);
    if (!topic || !topic->partition(offset.tp.partition)) {
      return fail(Errc::kNotFound, "partition {} does not exist", offset.tp);
    }
    commits.push_back({offset.tp, offset.offset, -1, offset.metadata});
  }
  const auto codes = wait_for<std::vector<ErrorCode>>([&](auto done) {
    services_.transactions.commit_offsets(transactional_id_, identity_, who.group,
                                          {who.member_id, std::nullopt, who.generation},
                                          std::move(commits), std::move(done));
  });
  for (const ErrorCode code : codes) FRESHET_TRY(outcome(code, "offsets of a transaction"));
  return {};
}

Result<void> LocalTransactionalProducer::wait_for_sends() {
  Result<void> outcome;
  for (const Sent& sent : sent_) {
    const auto& landed = sent.get();
    if (landed || !outcome) continue;
    gap_ = true;
    outcome = std::unexpected(landed.error());
    // The partition knows first when another producer has taken over.
    fenced_ = fenced_ || landed.error().code() == Errc::kFenced;
  }
  sent_.clear();
  return outcome;
}

Result<void> LocalTransactionalProducer::end(bool commit) {
  const LocalThrottle::Work work(producer_.throttle());
  if (!added_.empty() || offsets_added_) {
    const ErrorCode code = wait_for<ErrorCode>([&](auto done) {
      services_.transactions.end(transactional_id_, identity_, commit, std::move(done));
    });
    FRESHET_TRY(outcome(code, commit ? "commit" : "abort"));
  }
  open_ = false;
  added_.clear();
  offsets_added_ = false;
  return {};
}

Result<void> LocalTransactionalProducer::commit() {
  FRESHET_TRY(check_open());
  if (auto landed = wait_for_sends(); !landed) {
    return std::unexpected(
        std::move(landed).error().with_context("the transaction must be aborted"));
  }
  if (gap_) {
    return fail(Errc::kRefused, "transactional id {}: a send has failed: abort the transaction",
                transactional_id_);
  }
  return end(/*commit=*/true);
}

Result<void> LocalTransactionalProducer::abort() {
  FRESHET_TRY(check_open());
  static_cast<void>(wait_for_sends());
  if (fenced_) return check_open();
  FRESHET_TRY(end(/*commit=*/false));
  return gap_ ? init(identity_) : Result<void>();
}

}  // namespace freshet::broker
