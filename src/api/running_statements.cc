#include "api/running_statements.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "observe/log.h"
#include "warehouse/clickhouse_error.h"

namespace freshet::api {
namespace {

const Logger logger("api.clickhouse");

std::string tag_of(uint64_t number) { return fmt::format("freshet-port-{}", number); }

}  // namespace

RunningStatements::RunningStatements(Kill kill)
    : kill_(std::move(kill)), canceller_({.name = "ch.cancel", .threads = 1}) {}

RunningStatements::~RunningStatements() { stop(); }

std::string RunningStatements::Entry::tag() const { return tag_of(number_); }

Result<std::unique_ptr<RunningStatements::Entry>> RunningStatements::enter(
    const std::string& query_id) {
  const std::scoped_lock lock(mutex_);
  if (closed_) return fail(Errc::kCancelled, "the server stops");
  for (const auto& [number, running] : running_) {
    if (running.query_id != query_id) continue;
    return std::unexpected(warehouse::clickhouse_style_error(
        Errc::kAlreadyExists, 216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
        fmt::format("Query with id = {} is already running", query_id)));
  }
  running_.emplace(next_, Running{.query_id = query_id});
  return std::make_unique<Entry>(*this, next_++);
}

void RunningStatements::leave(uint64_t number) {
  std::unique_lock lock(mutex_);
  running_.erase(number);
  changed_.notify_all();
  changed_.wait(lock, [&] { return ending_ != number; });
}

bool RunningStatements::is_cancelled(uint64_t number) const {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(number);
  return found != running_.end() && found->second.cancelled;
}

void RunningStatements::cancel_locked(Running& running) {
  if (std::exchange(running.cancelled, true)) return;
  ++cancellations_;
  changed_.notify_all();
  // At most one is queued, so this does not wait for room.
  if (!std::exchange(canceller_runs_, true)) canceller_.post([this] { end_cancelled(); });
}

void RunningStatements::cancel(uint64_t number) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = running_.find(number); found != running_.end()) {
    cancel_locked(found->second);
  }
}

void RunningStatements::client_gone(uint64_t number) {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(number);
  if (found == running_.end()) return;
  found->second.client_gone = true;
  if (found->second.only_reads) cancel_locked(found->second);
}

void RunningStatements::set_only_reads(uint64_t number) {
  const std::scoped_lock lock(mutex_);
  Running& running = running_.at(number);
  running.only_reads = true;
  if (running.client_gone) cancel_locked(running);
}

size_t RunningStatements::cancel(const std::string& query_id) {
  const std::scoped_lock lock(mutex_);
  size_t count = 0;
  for (auto& [number, running] : running_) {
    if (running.query_id != query_id) continue;
    cancel_locked(running);
    ++count;
  }
  return count;
}

void RunningStatements::cancel_all() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  for (auto& [number, running] : running_) cancel_locked(running);
}

// A statement may stand before or behind the engine for a while, and may be slow to listen to it;
// so again and again, for all of them in turn, with growing pauses.
void RunningStatements::end_cancelled() {
  constexpr auto kPauseMin = std::chrono::milliseconds(50);
  constexpr auto kPauseMax = std::chrono::milliseconds(1000);
  auto pause = kPauseMin;
  std::unique_lock lock(mutex_);
  while (true) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, running] : running_) {
      if (running.cancelled) numbers.push_back(number);
    }
    if (numbers.empty()) break;
    for (const uint64_t number : numbers) {
      if (!running_.contains(number)) continue;
      ending_ = number;
      lock.unlock();
      const auto done = kill_(tag_of(number));
      if (!done) logger.warn("a statement could not be cancelled", kv("error", done.error()));
      lock.lock();
      ending_ = 0;
      changed_.notify_all();
    }
    const uint64_t before = cancellations_;
    const bool is_news = changed_.wait_for(lock, pause, [&] {
      return cancellations_ != before ||
             std::ranges::none_of(numbers, [&](uint64_t one) { return running_.contains(one); });
    });
    pause = is_news ? kPauseMin : std::min(pause * 2, kPauseMax);
  }
  canceller_runs_ = false;
}

size_t RunningStatements::size() const {
  const std::scoped_lock lock(mutex_);
  return running_.size();
}

void RunningStatements::stop() { canceller_.stop(); }

}  // namespace freshet::api
