// The second half of group commits, beside the first half of the next.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace freshet::broker {

/// Runs what it is given one after another, in that order: what is left of a group commit once the
/// write-ahead log has it. While the disk makes the next group durable, the stage's own thread
/// (`log.apply`) copies this one to its segments. One thread gives work and drains; it owns the
/// stage.
///
/// Invariant: never are two works under way, and what one wrote the next one sees, whichever thread
/// they run on.
class ApplyStage {
 public:
  using Work = std::move_only_function<void()>;
  /// More wait only on the giver's side: each holds the batches of a group.
  static constexpr size_t kWaitingMax = 1;

  ApplyStage() = default;
  /// stop() first, if start() was called.
  ~ApplyStage() = default;
  ApplyStage(const ApplyStage&) = delete;
  ApplyStage& operator=(const ApplyStage&) = delete;

  void start();
  /// `brief` work runs at once on this thread if nothing else is under way: it would take less time
  /// than waking the other one. Blocks while kWaitingMax works wait.
  void give(Work work, bool brief);
  /// On return everything that was given has been done.
  void drain();
  /// drain() and the end of the thread. Once; not without start().
  void stop();

 private:
  void loop();

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  bool running_ = false;  // a work, on the stage's thread
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace freshet::broker
