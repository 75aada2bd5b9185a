// Writes the state of all groups to its log in one order: that in which it was decided.
//
// The coordinator decides under its mutex, but a write may end at once, and what is called then
// takes that mutex. So a write is added under the mutex and handed to the log after it. Without one
// queue between the two, two threads could hand in their writes the other way round, and the log
// would hold the older value.
//
//   queued ──flush()──> with the log ──> done
//     ^                      │ refused: the log takes nothing now
//     └──────────────────────┘ goes back to the front; nothing overtakes it
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "broker/storage/keyed_log.h"

namespace freshet::broker {

/// Any thread.
class StateWriter {
 public:
  /// Calls back once the log takes appends again.
  using OnRoom = std::function<void(std::move_only_function<void()>)>;

  explicit StateWriter(std::unique_ptr<KeyedLog> log);
  /// close()s.
  ~StateWriter();
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  /// Without it a write that the log refuses for want of room fails. Before the first flush().
  void set_on_room(OnRoom on_room);

  /// Queues a write and calls nothing; under any lock. All changes land or none does.
  void add(std::vector<KeyedChange> changes, KeyedLog::WriteDone done);
  /// Hands in what is queued. Not under a lock that a `done` takes. `done` runs in the order of the
  /// log: here, if a write is refused, or on the commit thread after it is durable.
  void flush();
  /// KeyedLog::stage(), in its turn: nullopt also while earlier writes wait here. Under any lock.
  std::optional<KeyedLog::Staged> stage(std::vector<KeyedChange> changes, KeyedLog::WriteDone done);
  /// Calls `ready` once earlier writes have gone and the log is not being rolled.
  void when_stageable(std::move_only_function<void()> ready);
  /// Waits for what is with the log, and ends the rest with kCancelled.
  void close();

  void visit(const KeyedLog::Visitor& visit) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace freshet::broker
