// What a PartitionWorker wants to do next and whether it may, what it is told from outside, and
// what it shows of itself. None of it blocks.
#include <algorithm>
#include <cmath>

#include "pipeline/partition_worker.h"

namespace freshet::pipeline {
namespace {

constexpr double kBytesPerPositionGuess = 256;
constexpr size_t kBudgetMin = 64 << 10;

}  // namespace

Backlog PartitionWorker::backlog() const {
  return {.positions = high_watermark_ == kNoOffset ? 0 : high_watermark_ - cut_,
          .bytes_per_position = bytes_per_position_,
          .empty_at = empty_at_};
}

SteadyTime PartitionWorker::next_cut_due() const {
  if (stop_error_) return SteadyTime::max();
  if (drain_target_) return cut_ < *drain_target_ ? empty_at_ : SteadyTime::max();
  return cut_due(context_.limits, backlog());
}

PartitionWorker::Wish PartitionWorker::writer_wish_locked() const {
  if (writer_busy_ || abandoned_) return {};
  if (closing_ || failure_) {
    const bool may_confirm = closing_ && opened_ && landed_ > confirmed_ && !confirm_failed_;
    return may_confirm ? Wish{Step::kConfirm, empty_at_} : Wish{};
  }
  if (!opened_) return {Step::kOpen, retry_at_};
  if (!in_doubt_.empty()) {
    if (!paused_) return put_off(Step::kSettle, retry_at_);
    const bool may_confirm = landed_ > confirmed_;
    return may_confirm ? Wish{Step::kConfirm, std::max(landed_at_, retry_at_)} : Wish{};
  }
  if (prepared_.empty() && prepare_busy_ && !paused_) return {};
  return write_or_confirm_wish();
}

PartitionWorker::Wish PartitionWorker::write_or_confirm_wish() const {
  Wish write;
  if (!paused_) {
    const SteadyTime cut_at = prepared_.empty() ? next_cut_due() : empty_at_;
    if (cut_at != SteadyTime::max()) write = put_off(Step::kWrite, cut_at);
    if (cuts_by_age()) write.due = std::max(write.due, context_.parts.free_at());
  }
  SteadyTime confirm_at = SteadyTime::max();
  if (landed_ > confirmed_) {
    const bool nothing_follows =
        paused_ || stop_error_ || (drain_target_ && cut_ >= *drain_target_);
    confirm_at = nothing_follows ? landed_at_ : landed_at_ + context_.confirm_after;
  }
  if (write.step == Step::kNone && confirm_at == SteadyTime::max()) return {};
  const bool ready = !prepared_.empty() && write.due == write.since;
  if (ready || write.due <= confirm_at) {
    write.due = std::max(write.due, retry_at_);
    return write;
  }
  return {Step::kConfirm, std::max(confirm_at, retry_at_)};
}

PartitionWorker::Wish PartitionWorker::put_off(Step step, SteadyTime due) const {
  return {.step = step, .due = std::max(due, context_.breaker.admits_at()), .since = due};
}

bool PartitionWorker::cuts_by_age() const {
  return prepared_.empty() && !drain_target_ && !is_behind(context_.limits, backlog());
}

PartitionWorker::Wish PartitionWorker::prepare_wish_locked() const {
  const bool wanted = opened_ && !abandoned_ && !failure_ && !closing_ && !paused_ &&
                      !stop_error_ && in_doubt_.empty() && prepared_.empty() && !prepare_busy_ &&
                      !prepare_blocked_ && !writer_cuts_ && cut_ >= doubt_until_ &&
                      is_behind(context_.limits, backlog());
  return wanted ? Wish{Step::kPrepare, empty_at_} : Wish{};
}

PartitionWorker::Wish PartitionWorker::writer_wish() const {
  const std::lock_guard lock(mutex_);
  return writer_wish_locked();
}

PartitionWorker::Wish PartitionWorker::prepare_wish() const {
  const std::lock_guard lock(mutex_);
  return prepare_wish_locked();
}

size_t PartitionWorker::budget_estimate(int64_t positions) const {
  const double each = bytes_per_position_ > 0 ? bytes_per_position_ : kBytesPerPositionGuess;
  const double bytes = std::min(static_cast<double>(std::max<int64_t>(positions, 1)) * each,
                                static_cast<double>(context_.limits.bytes));
  return std::max(kBudgetMin, RangePreparer::budget_for(static_cast<size_t>(bytes)));
}

bool PartitionWorker::begin(Step step) {
  const std::lock_guard lock(mutex_);
  const bool preparing = step == Step::kPrepare;
  if ((preparing ? prepare_wish_locked() : writer_wish_locked()).step != step) return false;
  std::optional<CircuitBreaker::Pass> pass;
  if (step == Step::kWrite || step == Step::kSettle) {
    pass = context_.breaker.try_pass();
    if (!pass) return false;
  }
  size_t bytes = 0;
  if (preparing || (step == Step::kWrite && prepared_.empty())) {
    bytes = budget_estimate(std::min(backlog().positions, context_.limits.rows));
  } else if (step == Step::kSettle) {
    bytes = budget_estimate(in_doubt_.front().range.span());
  }
  if (bytes > 0 && !context_.budget.try_take(bytes)) return false;
  BudgetShare share(context_.budget, bytes);
  if (step == Step::kWrite && cuts_by_age() && !context_.parts.try_take()) return false;
  (preparing ? prepare_share_ : writer_share_) = std::move(share);
  (preparing ? prepare_busy_ : writer_busy_) = true;
  if (!preparing) {
    pass_ = std::move(pass);
    destination_failed_ = false;
  }
  if (step == Step::kWrite) writer_cuts_ = prepared_.empty();
  return true;
}

void PartitionWorker::see_end(Offset high_watermark) {
  const std::lock_guard lock(mutex_);
  if (!opened_) return;
  const bool was_empty = high_watermark_ <= cut_;
  high_watermark_ = std::max(high_watermark_, high_watermark);
  if (prepare_busy_) return;
  if (high_watermark_ <= cut_) {
    empty_at_ = context_.clock.steady();
  } else if (was_empty) {
    // Who waits for the row does not care whether the disk or the range let him wait.
    const auto arrived = context_.consumer.arrived_since(assigned_.tp, cut_);
    if (arrived) empty_at_ = std::min(empty_at_, *arrived);
  }
}

void PartitionWorker::drain_to(Offset target) {
  const std::lock_guard lock(mutex_);
  drain_target_ = target;
}

void PartitionWorker::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  if (!writer_busy_) prepared_.clear();
}

void PartitionWorker::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  if (!writer_busy_) prepared_.clear();
}

void PartitionWorker::pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
  // One that was counted against the limits of dead letters must not be counted again.
  while (!prepared_.empty() && !prepared_.back().counted) {
    cut_ = prepared_.back().range.first;
    prepared_.pop_back();
  }
  ++cut_epoch_;  // a cut under way is void
}

void PartitionWorker::resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
}

bool PartitionWorker::at_rest() const {
  const std::lock_guard lock(mutex_);
  if (abandoned_ || failure_) return !writer_busy_;
  return paused_ && !writer_busy_ && !prepare_busy_ && landed_ == confirmed_;
}

bool PartitionWorker::finished() const {
  const std::lock_guard lock(mutex_);
  if (writer_busy_ || prepare_busy_) return false;
  if (abandoned_) return true;
  return closing_ && writer_wish_locked().step == Step::kNone;
}

bool PartitionWorker::drained() const {
  const std::lock_guard lock(mutex_);
  if (failure_ || abandoned_) return true;
  return opened_ && drain_target_ && landed_ >= *drain_target_ && in_doubt_.empty();
}

std::optional<Error> PartitionWorker::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool PartitionWorker::holds_prepared() const {
  const std::lock_guard lock(mutex_);
  return !prepared_.empty() || prepare_busy_;
}

PartitionState PartitionWorker::state_locked() const {
  if (abandoned_ || failure_) return PartitionState::kClosed;
  if (closing_) {
    const bool done = !writer_busy_ && writer_wish_locked().step == Step::kNone;
    return done ? PartitionState::kClosed : PartitionState::kClosing;
  }
  if (attempts_ > 0) return PartitionState::kRetrying;
  if (!opened_) return PartitionState::kOpening;
  if (!in_doubt_.empty()) return PartitionState::kReplaying;
  return in_flight_ ? PartitionState::kWriting : PartitionState::kReading;
}

PartitionStatus PartitionWorker::status() const {
  const std::lock_guard lock(mutex_);
  PartitionStatus status = counts_;
  status.tp = assigned_.tp;
  status.state = state_locked();
  status.confirmed = confirmed_;
  status.landed = landed_;
  status.high_watermark = high_watermark_;
  if (opened_) status.lag_records = std::max<int64_t>(0, high_watermark_ - landed_);
  if (status.lag_records > 0) {
    status.lag_seconds.reset();
    if (newest_landed_ms_) {
      const int64_t now_ms = context_.clock.wall().time_since_epoch().count();
      status.lag_seconds = static_cast<double>(now_ms - *newest_landed_ms_) / 1000.0;
    }
  }
  if (!opened_ || !status.lag_seconds) {
    const auto here = context_.clock.steady() - assigned_at_;
    status.lag_seconds_min = std::chrono::duration<double>(here).count();
  } else {
    status.lag_seconds_min = std::max(0.0, *status.lag_seconds);
  }
  status.in_doubt = in_doubt_.size();
  status.in_flight = in_flight_;
  status.last_error = failure_ ? failure_->message() : last_error_;
  return status;
}

}  // namespace freshet::pipeline
