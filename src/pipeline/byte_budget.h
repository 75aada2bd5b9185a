// Memory that the ranges of one pipeline may hold at a time, in bytes. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "base/check.h"

namespace freshet::pipeline {

class ByteBudget {
 public:
  explicit ByteBudget(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Takes `bytes` if they fit, or if nothing else is taken (so that a range larger than the whole
  /// budget still makes progress, alone).
  [[nodiscard]] bool try_take(size_t bytes) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used != 0 && used + bytes > bytes_max_) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  /// Takes `bytes` in any case: they are in use already.
  void take(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(size_t bytes) {
    [[maybe_unused]] const size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
    FRESHET_DCHECK(before >= bytes, "{} given back of {}", bytes, before);
  }
  [[nodiscard]] size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> used_{0};
};

/// Bytes taken from a budget, given back when it goes out of scope.
class BudgetShare {
 public:
  BudgetShare() = default;
  /// Adopts bytes that the caller has taken.
  BudgetShare(ByteBudget& budget, size_t bytes) : budget_(&budget), bytes_(bytes) {}
  BudgetShare(BudgetShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  BudgetShare& operator=(BudgetShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BudgetShare() {
    if (budget_ != nullptr) budget_->give_back(bytes_);
  }
  /// Grows (in any case) or shrinks to `bytes`.
  void resize(size_t bytes) {
    if (budget_ == nullptr) return;
    if (bytes > bytes_) budget_->take(bytes - bytes_);
    if (bytes < bytes_) budget_->give_back(bytes_ - bytes);
    bytes_ = bytes;
  }

 private:
  ByteBudget* budget_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace freshet::pipeline
