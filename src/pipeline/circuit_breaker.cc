#include "pipeline/circuit_breaker.h"

#include <algorithm>

namespace freshet::pipeline {

std::optional<CircuitBreaker::Pass> CircuitBreaker::try_pass() {
  const std::lock_guard lock(mutex_);
  if (status_.state == State::kClosed) return Pass(*this, 0);
  if (status_.state == State::kHalfOpen || clock_.steady() < admits_at_.load()) return std::nullopt;
  status_.state = State::kHalfOpen;
  status_.next_trial.reset();
  admits_at_ = SteadyTime::max();
  return Pass(*this, ++last_trial_);
}

bool CircuitBreaker::succeeded(Pass& pass) {
  const std::lock_guard lock(mutex_);
  pass.owner_ = nullptr;
  const bool closed = status_.state != State::kClosed;
  status_ = {.times_opened = status_.times_opened};
  pauses_ = 0;
  admits_at_ = SteadyTime{};
  return closed;
}

bool CircuitBreaker::failed(Pass& pass, Trouble trouble, std::string error) {
  const std::lock_guard lock(mutex_);
  pass.owner_ = nullptr;
  ++status_.failures;
  status_.trouble = trouble;
  status_.error = std::move(error);
  if (status_.state == State::kClosed) {
    if (!is_standing(trouble) && status_.failures < settings_.failures_to_open) return false;
    ++status_.times_opened;
    open_locked(/*longer=*/true);
    return true;
  }
  const bool trial = status_.state == State::kHalfOpen && pass.trial_ == last_trial_;
  if (trial) open_locked(/*longer=*/true);
  return trial;
}

void CircuitBreaker::dropped(uint64_t trial) {
  if (trial == 0) return;
  const std::lock_guard lock(mutex_);
  if (status_.state == State::kHalfOpen && trial == last_trial_) open_locked(/*longer=*/false);
}

void CircuitBreaker::open_locked(bool longer) {
  status_.state = State::kOpen;
  SteadyTime at = clock_.steady();
  if (longer) {
    const auto full = std::min(settings_.pause_max,
                               settings_.pause_first * (int64_t{1} << std::min(pauses_++, 16U)));
    std::uniform_int_distribution<int64_t> spread(full.count() / 2, full.count());
    at += Millis(spread(random_));
  }
  status_.next_trial = at;
  admits_at_ = at;
}

CircuitBreaker::Status CircuitBreaker::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string_view breaker_state_name(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::kClosed:
      return "closed";
    case CircuitBreaker::State::kHalfOpen:
      return "half_open";
    case CircuitBreaker::State::kOpen:
      return "open";
  }
  return "unknown";
}

}  // namespace freshet::pipeline
