#include "pipeline/partition_worker.h"

#include <algorithm>
#include <cmath>

#include "base/crash_point.h"
#include "pipeline/commit_metadata.h"

namespace freshet::pipeline {
namespace {

constexpr Millis kRetryFirst{100};
constexpr Millis kRetryMax{30'000};
/// Of a partition's own pause after a trouble of the destination, where the breaker says how long.
constexpr uint32_t kDoublingsMax = 4;

/// 100 ms doubling to 30 s, the last half of it at random.
Millis retry_pause(uint32_t attempts, std::minstd_rand& random) {
  const auto full = std::min(kRetryMax, kRetryFirst * (int64_t{1} << std::min(attempts, 16U)));
  std::uniform_int_distribution<int64_t> spread(full.count() / 2, full.count());
  return Millis(spread(random));
}

int64_t until(SteadyTime then, SteadyTime now) {
  if (then == SteadyTime::max()) return 0;  // as soon as another's trial has ended
  return std::chrono::duration_cast<Millis>(then - now).count();
}

bool is_power_of_two(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

PartitionWorker::PartitionWorker(const PartitionContext& context, kafka::AssignedPartition assigned)
    : context_(context),
      assigned_(std::move(assigned)),
      log_(Logger("pipeline")
               .with("pipeline", context.pipeline)
               .with("partition", fmt::format("{}", assigned_.tp))),
      assigned_at_(context.clock.steady()),
      jitter_(static_cast<uint32_t>(std::hash<TopicPartition>()(assigned_.tp))) {}

void PartitionWorker::run(Step step) {
  Result<void> result;
  switch (step) {
    case Step::kNone:
      return;
    case Step::kOpen:
      result = open();
      break;
    case Step::kSettle:
      result = settle();
      break;
    case Step::kWrite:
      result = write_next();
      break;
    case Step::kConfirm:
      result = confirm();
      break;
    case Step::kPrepare:
      result = prepare();
      break;
  }
  const std::lock_guard lock(mutex_);
  if (step == Step::kPrepare) {
    // Whatever it was, cutting in the writer lane meets it again and deals with it there.
    prepare_blocked_ = !result;
    prepare_busy_ = false;
    prepare_share_ = BudgetShare();
    return;
  }
  if (result) {
    attempts_ = 0;
    retry_at_ = SteadyTime{};
    last_error_.clear();
  } else {
    step_failed(step, result.error());
  }
  prepare_blocked_ = false;
  writer_busy_ = false;
  writer_share_ = BudgetShare();
  pass_.reset();
  in_flight_.reset();
  if (closing_ || abandoned_) prepared_.clear();
}

void PartitionWorker::step_failed(Step step, const Error& error) {
  if (step == Step::kConfirm) confirm_failed_ = true;
  if (error.code() == Errc::kFenced) {
    log_.info("fenced: another member owns the partition", kv("confirmed", confirmed_));
    context_.probe.commit_refused();
    abandoned_ = true;
    return;
  }
  if (!is_retriable(error.code()) && error.code() != Errc::kCancelled) {
    failure_ = error;
    return;
  }
  context_.probe.retried();
  ++counts_.retries;
  ++attempts_;
  last_error_ = error.message();
  const SteadyTime now = context_.clock.steady();
  const SteadyTime admits_at = context_.breaker.admits_at();
  // Whoever finds that the destination is well says it for all, and that should not wait for long.
  // Without any pause of its own, a range that alone is too much would be sent again and again
  // while others keep the breaker closed.
  const uint32_t doublings =
      destination_failed_ ? std::min(attempts_ - 1, kDoublingsMax) : attempts_ - 1;
  retry_at_ = now + retry_pause(doublings, jitter_);
  if (is_power_of_two(attempts_)) {
    log_.warn("a step failed and will be tried again", kv("attempt", attempts_),
              kv("in_ms", until(std::max(retry_at_, admits_at), now)),
              kv("error", error.message()));
  }
}

Result<void> PartitionWorker::commit(Offset offset, std::vector<OffsetRange> pending,
                                     WallMillis intent_time) {
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return fail(Errc::kFenced, "{} belongs to another member", assigned_.tp);
  }
  if (!context_.guards.intent) pending.clear();
  const CommitMetadata metadata{.pipeline_hash = context_.pipeline_hash,
                                .topic_id = assigned_.topic_id,
                                .start = start_,
                                .intent_time = std::max(intent_time, WallMillis{}),
                                .pending = std::move(pending)};
  FRESHET_ASSIGN(auto text, encode_commit_metadata(metadata));
  const kafka::OffsetCommit one{assigned_.tp, offset, std::move(text)};
  FRESHET_TRY_CONTEXT(context_.consumer.commit({&one, 1}), "commit of {} offset {} for group {}",
                      assigned_.tp, offset, context_.group);
  context_.probe.committed();
  const std::lock_guard lock(mutex_);
  confirmed_ = offset;
  confirm_failed_ = false;
  return {};
}

Result<void> PartitionWorker::commit_intent(OffsetRange range, WallMillis intent_time) {
  const bool confirms = range.first > confirmed_;
  if (confirms) crash_point("before_commit");
  crash_point("before_intent");
  FRESHET_TRY(commit(range.first, {range}, intent_time));
  if (confirms) crash_point("after_commit");
  crash_point("after_intent");
  return {};
}

Result<void> PartitionWorker::commit_landed() {
  std::vector<OffsetRange> pending;
  WallMillis intent_time = context_.clock.wall();
  Offset offset;
  {
    const std::lock_guard lock(mutex_);
    offset = landed_;
    for (const auto& doubt : in_doubt_) {
      pending.push_back(doubt.range);
      intent_time = std::min(intent_time, doubt.intent_time);
    }
  }
  return commit(offset, std::move(pending), intent_time);
}

Result<void> PartitionWorker::confirm() {
  crash_point("before_commit");
  FRESHET_TRY(commit_landed());
  crash_point("after_commit");
  const std::lock_guard lock(mutex_);
  if (stop_error_ && in_doubt_.empty()) failure_ = stop_error_;
  return {};
}

/// Where a pipeline that is told to begin elsewhere than at the start of the log begins.
Result<Offset> PartitionWorker::beginning(const kafka::PartitionBounds& bounds) const {
  if (context_.start.at == config::PipelineStart::At::kLatest) return bounds.high_watermark;
  return context_.consumer.offset_at(assigned_.tp, context_.start.time);
}

Result<void> PartitionWorker::open() {
  OpeningFacts facts{.group = context_.group,
                     .destination = context_.sink.display(),
                     .pipeline_hash = context_.pipeline_hash,
                     .assigned = assigned_,
                     .bounds = {},
                     .provable = context_.sink.proof().by_provenance};
  // What stood in the assignment may be old: a former worker's last commit, or an owner after us.
  FRESHET_ASSIGN_CONTEXT(auto committed, context_.consumer.committed({&assigned_.tp, 1}),
                         "committed offset of {}", assigned_.tp);
  FRESHET_CHECK_EQ(committed.size(), 1U);
  facts.assigned.committed = committed.front().committed;
  facts.assigned.metadata = std::move(committed.front().metadata);
  FRESHET_ASSIGN_CONTEXT(facts.bounds, context_.consumer.bounds(assigned_.tp), "{}", assigned_.tp);
  const bool chosen = facts.assigned.committed == kNoOffset &&
                      context_.start.at != config::PipelineStart::At::kEarliest;
  if (chosen) {
    FRESHET_ASSIGN_CONTEXT(facts.begin, beginning(facts.bounds), "{}", assigned_.tp);
  }
  if (facts.provable && needs_table_end(facts.assigned)) {
    auto origins = context_.sink.origins();
    if (!origins) {
      if (context_.sink.classify(origins.error()) == WriteFailure::kRetriable) {
        context_.probe.destination_failed(context_.sink.trouble(origins.error()));
      }
      return sink_failed(origins.error(), {facts.bounds.log_start, facts.bounds.log_start});
    }
    for (const auto& origin : *origins) {
      if (origin.tp == assigned_.tp) facts.table_end = origin.last + 1;
    }
  }
  if (facts.provable && facts.assigned.committed != kNoOffset) {
    // Only for a warning: a destination that is away now does not keep the partition from opening.
    const auto empty = context_.sink.is_empty();
    facts.table_empty = empty && *empty;
  }
  FRESHET_ASSIGN(const auto plan, plan_opening(facts));
  for (const auto& warning : plan.warnings) log_.warn(warning);
  if (plan.deleted) report_deleted(*plan.deleted, plan.deleted_in_doubt);
  if (chosen) {
    // Kept before anything is read: after a crash the end of the log is elsewhere, and retention
    // or a late record may have moved what a time stands for.
    {
      const std::lock_guard lock(mutex_);
      start_ = plan.start;
    }
    FRESHET_TRY(commit(plan.start, {}, context_.clock.wall()));
  }

  const std::lock_guard lock(mutex_);
  start_ = plan.start;
  confirmed_ = plan.confirmed;
  landed_ = plan.landed;
  cut_ = plan.cut;
  doubt_until_ = context_.guards.probe ? plan.doubt_until : kNoOffset;
  for (const auto& range : plan.pending) in_doubt_.push_back({range, plan.intent_time});
  high_watermark_ = facts.bounds.high_watermark;
  // Nobody knows for how long these records have been waiting: they are due at once.
  empty_at_ = context_.clock.steady() - context_.limits.after;
  opened_ = true;
  log_.info("partition opened", kv("committed", facts.assigned.committed), kv("next", cut_),
            kv("in_doubt", in_doubt_.size()), kv("log_end", high_watermark_));
  return {};
}

void PartitionWorker::report_deleted(OffsetRange deleted, bool begun) {
  context_.probe.offsets_unrecoverable(deleted);
  log_.error(begun ? "retention deleted offsets of a range that was being written; they cannot be "
                     "read again, only rows that are in the destination already exist"
                   : "retention deleted offsets before they were read; they are lost",
             kv("range_unrecoverable", deleted), kv("offsets", deleted.span()),
             kv("destination", context_.sink.display()));
}

Result<void> PartitionWorker::skip_deleted(const Error& why) {
  FRESHET_ASSIGN_CONTEXT(const auto bounds, context_.consumer.bounds(assigned_.tp), "{}",
                         assigned_.tp);
  OffsetRange deleted{};
  bool begun = false;
  {
    const std::lock_guard lock(mutex_);
    const Offset wanted = in_doubt_.empty() ? cut_ : in_doubt_.front().range.first;
    if (bounds.log_start <= wanted) {
      return fail(Errc::kRefused,
                  "{} (the log holds offsets {} to {}: records that were there are gone; was the "
                  "topic created again, or its directory restored?)",
                  why, bounds.log_start, bounds.high_watermark);
    }
    deleted = {wanted, bounds.log_start - 1};
    begun = !in_doubt_.empty();
    while (!in_doubt_.empty() && in_doubt_.front().range.last < bounds.log_start) {
      in_doubt_.pop_front();
    }
    if (!in_doubt_.empty()) {
      in_doubt_.front().range.first = std::max(in_doubt_.front().range.first, bounds.log_start);
    }
    landed_ = std::max(landed_, bounds.log_start);
    cut_ = std::max(cut_, bounds.log_start);
    ++cut_epoch_;
  }
  report_deleted(deleted, begun);
  return {};
}

Result<std::optional<PreparedRange>> PartitionWorker::cut(BudgetShare share) {
  Offset from;
  uint64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    from = cut_;
    epoch = cut_epoch_;
  }
  const SteadyTime now = context_.clock.steady();
  FRESHET_ASSIGN(auto range, context_.preparer.cut(assigned_.tp, from, std::move(share)));
  const std::lock_guard lock(mutex_);
  if (epoch != cut_epoch_) return std::nullopt;
  if (!range) {
    empty_at_ = now;
    high_watermark_ = cut_;
    return std::nullopt;
  }
  cut_ = range->range.last + 1;
  high_watermark_ = std::max(high_watermark_, range->high_watermark);
  if (cut_ >= range->high_watermark) empty_at_ = now;
  const int64_t positions = cut_ - from;
  if (positions > 0) {
    const double each = static_cast<double>(range->payload_bytes) / static_cast<double>(positions);
    bytes_per_position_ = bytes_per_position_ > 0 ? 0.5 * bytes_per_position_ + 0.5 * each : each;
  }
  return range;
}

Result<void> PartitionWorker::prepare() {
  FRESHET_ASSIGN(auto range, cut(std::move(prepare_share_)));
  if (!range) return {};
  const std::lock_guard lock(mutex_);
  if (!closing_ && !abandoned_) prepared_.push_back(std::move(*range));
  return {};
}

Result<std::optional<PreparedRange>> PartitionWorker::take_or_cut() {
  {
    const std::lock_guard lock(mutex_);
    if (!prepared_.empty()) {
      std::optional<PreparedRange> range(std::move(prepared_.front()));
      prepared_.pop_front();
      return range;
    }
  }
  auto range = cut(std::move(writer_share_));
  const std::lock_guard lock(mutex_);
  writer_cuts_ = false;
  return range;
}

Result<void> PartitionWorker::admit(PreparedRange& range) {
  if (range.counted) return {};
  FRESHET_TRY_CONTEXT(
      context_.reject_limit.admit(static_cast<uint64_t>(range.records), range.letters.size()),
      "{} {}", assigned_.tp, range.range);
  range.counted = true;
  return {};
}

Result<void> PartitionWorker::write_next() {
  auto taken = take_or_cut();
  if (!taken) {
    if (taken.error().code() == Errc::kOutOfRange) return skip_deleted(taken.error());
    return std::unexpected(taken.error());
  }
  if (!*taken) return {};
  PreparedRange range = std::move(**taken);
  if (range.range.last < range.range.first) {  // on_reject: stop, at the very first record
    const std::lock_guard lock(mutex_);
    stop_error_ = stop_error(*range.stops_before);
    if (landed_ == confirmed_) failure_ = stop_error_;
    return {};
  }
  FRESHET_TRY(admit(range));
  const WallMillis intent_time = context_.clock.wall();
  bool compare = false;
  {
    const std::lock_guard lock(mutex_);
    FRESHET_CHECK_EQ(range.range.first, landed_);
    in_flight_ = range.range;
    compare = range.range.first < doubt_until_;
  }
  if (auto intended = commit_intent(range.range, intent_time); !intended) {
    const std::lock_guard lock(mutex_);
    prepared_.push_front(std::move(range));
    return intended;
  }
  if (compare) {
    // The table may hold some of it already: it is settled like a range of a former owner, whose
    // letters may be of any age.
    const std::lock_guard lock(mutex_);
    put_in_doubt({range.range, WallMillis{}, /*counted=*/true});
    return {};
  }
  return write_intended(std::move(range), intent_time);
}

Result<void> PartitionWorker::write_intended(PreparedRange range, WallMillis intent_time) {
  auto letters = context_.letters.write(assigned_.tp, assigned_.topic_id, range.letters,
                                        context_.clock.wall());
  const SteadyTime begun = context_.clock.steady();
  Result<void> written;
  if (range.block.rows > 0) {
    written = context_.sink.write(range_write(range.range, intent_time), range.block);
    context_.probe.insert_took(context_.clock.steady() - begun);
    if (written) context_.probe.inserted();
    tell_breaker(written);
  }
  if (written) crash_point("after_insert");
  const auto stored = letters.get();
  if (!written || !stored) {
    {
      const std::lock_guard lock(mutex_);
      put_in_doubt({range.range, intent_time, /*counted=*/true});
    }
    if (written) {
      return std::unexpected(
          kafka::failure_of_fresh_records(stored.error())
              .with_context(fmt::format("dead letters of {} {}", assigned_.tp, range.range)));
    }
    // Refused rows are found by settling: at once, without a pause.
    if (context_.sink.classify(written.error()) == WriteFailure::kRefused) return {};
    return sink_failed(written.error(), range.range);
  }
  range_landed(range, range.block.rows);
  if (range.stops_before) {
    const std::lock_guard lock(mutex_);
    stop_error_ = stop_error(*range.stops_before);
  }
  return {};
}

/// An answer about the rows says as well as a success that the destination works.
void PartitionWorker::tell_breaker(const Result<void>& answer) {
  if (!pass_) return;
  const bool in_trouble =
      !answer && context_.sink.classify(answer.error()) == WriteFailure::kRetriable;
  if (!in_trouble) {
    if (context_.breaker.succeeded(*pass_)) log_.info("the destination takes rows again");
    return;
  }
  const Trouble trouble = context_.sink.trouble(answer.error());
  const bool opened = context_.breaker.failed(*pass_, trouble, answer.error().message());
  context_.probe.destination_failed(trouble);
  if (opened) {
    log_.debug("the destination is left alone for a while", kv("trouble", trouble_name(trouble)));
  }
  const std::lock_guard lock(mutex_);
  destination_failed_ = true;
}

/// What was prepared behind the range is dropped: settling takes as long as the destination is in
/// trouble, and memory held meanwhile could be just what settling waits for.
void PartitionWorker::put_in_doubt(InDoubt doubt) {
  cut_ = doubt.range.last + 1;
  ++cut_epoch_;
  prepared_.clear();
  in_doubt_.push_back(doubt);
}

void PartitionWorker::range_landed(const PreparedRange& range, size_t rows) {
  context_.probe.range_landed(range, rows, context_.clock);
  const std::lock_guard lock(mutex_);
  landed_ = range.range.last + 1;
  landed_at_ = context_.clock.steady();
  counts_.records += static_cast<uint64_t>(range.records);
  counts_.rows += rows;
  counts_.bytes += range.payload_bytes;
  counts_.ranges += 1;
  for (const auto& letter : range.letters) ++counts_.rejected[letter.reason];
  if (!range.timestamps.empty()) newest_landed_ms_ = range.timestamps.newest_ms();
}

sink::RangeWrite PartitionWorker::range_write(OffsetRange range, WallMillis intent_time) const {
  return {.tp = assigned_.tp,
          .topic_id = assigned_.topic_id,
          .range = range,
          .token = sink::range_token(context_.group, /*epoch=*/0, assigned_.topic_id,
                                     assigned_.tp.partition, range),
          .intent_time_ms = intent_time.time_since_epoch().count()};
}

std::unexpected<Error> PartitionWorker::sink_failed(const Error& error, OffsetRange range) const {
  const bool again = context_.sink.classify(error) == WriteFailure::kRetriable;
  return std::unexpected(Error(again ? Errc::kUnavailable : Errc::kRefused, error.message())
                             .with_context(fmt::format("{} {} into {}", assigned_.tp, range,
                                                       context_.sink.display())));
}

Error PartitionWorker::stop_error(const DeadLetter& letter) const {
  return Error(
      Errc::kRefused,
      fmt::format("pipeline {} stops before {} offset {} (on_reject: stop): {} at {}: {}. Mend the "
                  "table, `columns:` or the producer, or set on_reject: dead_letter",
                  context_.pipeline, assigned_.tp, letter.offset, reject_reason_name(letter.reason),
                  letter.path.empty() ? "the whole record" : letter.path, letter.detail));
}

}  // namespace freshet::pipeline
