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
                           kafka::RecordProducer& producer)
    : name_(settings.name),
      runner_(std::move(settings), std::move(source), producer),
      thread_([this] { run(); }) {}

SourceThread::~SourceThread() { stop(); }

void SourceThread::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  runner_.stop();
  if (thread_.joinable()) thread_.join();
}

std::string SourceThread::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

void SourceThread::run() {
  constexpr std::chrono::milliseconds kPauseMax{5000};
  std::chrono::milliseconds wait{100};
  std::string said;
  io::name_this_thread("source." + name_, 0);
  while (true) {
    const auto result = runner_.run();
    if (result) return;
    if (result.error().code() == Errc::kCancelled) return;
    if (!is_retriable(result.error().code())) {
      logger.error("source stopped", kv("source", name_), kv("reason", result.error().message()));
      const std::scoped_lock lock(mutex_);
      failure_ = fmt::format("source {}: {}", name_, result.error().message());
      return;
    }
    // Once per kind of trouble: it may last for hours.
    const std::string kind(errc_name(result.error().code()));
    if (std::exchange(said, kind) != kind) {
      logger.warn("source tries again until it succeeds", kv("source", name_),
                  kv("reason", result.error().message()));
    }
    if (!pause(wait)) return;
    wait = std::min(wait * 2, kPauseMax);
  }
}

bool SourceThread::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace freshet::app
