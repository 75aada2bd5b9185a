#include "app/source_turn.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "io/thread_name.h"
#include "observe/log.h"

namespace freshet::app {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kPauseMin{50};
constexpr milliseconds kPauseMax{2'000};

const Logger logger("app.source");

}  // namespace

SourceTurn::SourceTurn(std::unique_ptr<kafka::GroupConsumer> group, TopicPartition token,
                       std::function<void()> interrupt)
    : group_(std::move(group)),
      token_(std::move(token)),
      interrupt_(std::move(interrupt)),
      poller_([this] {
        io::name_this_thread("source.turn", 0);
        poll_loop();
      }) {}

SourceTurn::~SourceTurn() { stop(); }

Result<bool> SourceTurn::acquire(const std::function<void()>& begin) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ours_ || stopped_ || failure_; });
  if (stopped_) return false;
  if (failure_) return std::unexpected(*failure_);
  held_ = true;
  begin();
  return true;
}

void SourceTurn::release() {
  {
    const std::lock_guard lock(mutex_);
    held_ = false;
  }
  changed_.notify_all();
}

void SourceTurn::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

void SourceTurn::poll_loop() {
  milliseconds pause{0};
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, pause, [this] { return stopped_; });
      if (stopped_) break;
    }
    const auto event = group_->poll(kPollWait);
    if (event) {
      pause = milliseconds(0);
      handle(*event);
      continue;
    }
    const Error& error = event.error();
    if (!is_retriable(error.code()) && error.code() != Errc::kFenced) {
      end_turn();
      const std::lock_guard lock(mutex_);
      failure_ = error.with_context("whose turn it is");
      break;
    }
    if (pause == milliseconds(0)) {
      logger.warn("the group that says whose turn it is did not answer",
                  kv("group", group_->group()), kv("error", error.message()));
    }
    pause = std::clamp(pause * 2, kPauseMin, kPauseMax);
  }
  changed_.notify_all();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !held_; });
  }
  if (auto left = group_->leave(); !left) {
    logger.warn("could not leave the group; others wait for the session time-out",
                kv("group", group_->group()), kv("error", left.error().message()));
  }
}

void SourceTurn::handle(const kafka::GroupEvent& event) {
  const auto holds_token = [this](const auto& partitions) {
    return std::ranges::find(partitions, token_) != partitions.end();
  };
  if (const auto* assigned = std::get_if<kafka::Assigned>(&event)) {
    const bool mine = std::ranges::any_of(
        assigned->partitions, [this](const auto& partition) { return partition.tp == token_; });
    if (!mine) return;
    const std::lock_guard lock(mutex_);
    ours_ = true;
    changed_.notify_all();
  }
  if (const auto* revoked = std::get_if<kafka::Revoked>(&event)) {
    if (holds_token(revoked->partitions)) end_turn();
  }
  if (const auto* lost = std::get_if<kafka::Lost>(&event)) {
    if (holds_token(lost->partitions)) end_turn();
  }
}

void SourceTurn::end_turn() {
  std::unique_lock lock(mutex_);
  ours_ = false;
  if (!held_) return;
  interrupt_();
  changed_.wait(lock, [this] { return !held_; });
}

}  // namespace freshet::app
