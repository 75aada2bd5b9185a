// Whose turn it is to run a source: of all processes that have it in their platform file one at a
// time, the owner of its topic's first partition in a consumer group made for this alone. The
// others stand by, and take over when it leaves or dies.
//
//   waiting ──assigned──> ours ──acquire()──> held ──release()──> ours
//      ^                    │ revoked, lost     │ revoked, lost: interrupt, then wait for release()
//      └────────────────────┴───────────────────┘
//
// Partitions are handed over only when the source has stopped, so that the next one finds in the
// log all that this one wrote. A process that hangs for longer than its session is no longer waited
// for: what it had handed to the log can then land beside what the next one publishes.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "model/offset.h"

namespace freshet::app {

/// Any thread.
class SourceTurn {
 public:
  /// `interrupt` must make the holder release soon; it is called on a thread of the turn.
  SourceTurn(std::unique_ptr<kafka::GroupConsumer> group, TopicPartition token,
             std::function<void()> interrupt);
  /// Waits for the holder, then leaves the group.
  ~SourceTurn();
  SourceTurn(const SourceTurn&) = delete;
  SourceTurn& operator=(const SourceTurn&) = delete;

  /// Waits for the turn and holds it; `begin` has run before anything can interrupt. False: stop()
  /// was called. An error is one that people must mend.
  Result<bool> acquire(const std::function<void()>& begin);
  void release();
  /// acquire() returns from now on; the group is left once nobody holds the turn.
  void stop();

 private:
  void poll_loop();
  void handle(const kafka::GroupEvent& event);
  void end_turn();

  const std::unique_ptr<kafka::GroupConsumer> group_;
  const TopicPartition token_;
  const std::function<void()> interrupt_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool ours_ = false;
  bool held_ = false;
  bool stopped_ = false;
  std::optional<Error> failure_;

  std::jthread poller_;  // last: joined before the rest goes
};

}  // namespace freshet::app
