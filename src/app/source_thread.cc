#include "app/source_thread.h"

#include <algorithm>
#include <string>
#include <utility>

#include "io/thread_name.h"
#include "observe/log.h"

namespace freshet::app {
namespace {
const Logger logger("app.source");
}

SourceThread::SourceThread(source::SourceRunnerSettings settings,
                           std::unique_ptr<source::EventSource> source,
                           kafka::RecordProducer& producer,
                           std::unique_ptr<kafka::GroupConsumer> turns)
    : name_(settings.name),
      token_{settings.topic, 0},
      runner_(std::move(settings), std::move(source), producer),
      turn_(turns == nullptr ? nullptr
                             : std::make_unique<SourceTurn>(std::move(turns), token_,
                                                            [this] { runner_.stop(); })),
      thread_([this] { run(); }) {}

SourceThread::~SourceThread() { stop(); }

void SourceThread::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (turn_ != nullptr) turn_->stop();  // first: from now on nothing allows the runner to go on
  runner_.stop();
  if (thread_.joinable()) thread_.join();
}

std::string SourceThread::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

bool SourceThread::is_stopping() const {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

void SourceThread::give_up(const Error& error) {
  logger.error("source stopped", kv("source", name_), kv("reason", error.message()));
  const std::scoped_lock lock(mutex_);
  failure_ = fmt::format("source {}: {}", name_, error.message());
}

/// Until the source ends, somebody stops it, or something fails.
Result<void> SourceThread::run_in_turn() {
  if (turn_ == nullptr) return runner_.run();
  while (true) {
    FRESHET_ASSIGN(const bool ours, turn_->acquire([this] { runner_.allow(); }));
    if (!ours) return {};
    auto result = runner_.run();
    turn_->release();
    if (!result || runner_.status().done || is_stopping()) return result;
    logger.info("another process runs the source now", kv("source", name_));
  }
}

void SourceThread::run() {
  constexpr std::chrono::milliseconds kPauseMax{5000};
  std::chrono::milliseconds wait{100};
  std::string said;
  io::name_this_thread("source." + name_, 0);
  while (true) {
    const auto result = run_in_turn();
    const bool ended = result || result.error().code() == Errc::kCancelled;
    if (!ended && is_retriable(result.error().code())) {
      // Once per kind of trouble: it may last for hours.
      const std::string kind(errc_name(result.error().code()));
      if (std::exchange(said, kind) != kind) {
        logger.warn("source tries again until it succeeds", kv("source", name_),
                    kv("reason", result.error().message()));
      }
      if (pause(wait)) {
        wait = std::min(wait * 2, kPauseMax);
        continue;
      }
    } else if (!ended) {
      give_up(result.error());
    }
    if (turn_ != nullptr) turn_->stop();
    return;
  }
}

bool SourceThread::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace freshet::app
