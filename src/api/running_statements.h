// The statements that run now on behalf of ClickHouse clients, and how they are ended: KILL QUERY,
// a client that goes away, a server that stops.
//
// States of a statement: entered (not yet, or not any more, in the engine) -> in the engine ->
// left. Invariants: a statement that is cancelled while entered is told by `cancelled` before it
// reaches the engine; one that reaches it in that same moment is found by the next round of the
// canceller, which goes on until the statement has left. Once a statement has left, nothing ends
// what bears its tag any more: its connection may go to another. The engine knows a statement by
// its tag, which is its setting log_comment. Safe from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/worker_pool.h"

namespace freshet::api {

class RunningStatements {
 public:
  /// Ends what the engine runs with that tag; does nothing if there is nothing.
  using Kill = std::function<Result<void>(std::string_view tag)>;

  explicit RunningStatements(Kill kill);
  ~RunningStatements();
  RunningStatements(const RunningStatements&) = delete;
  RunningStatements& operator=(const RunningStatements&) = delete;

  /// One statement from its beginning to its end; leaves in its destructor, which waits for a
  /// cancellation under way.
  class Entry {
   public:
    Entry(RunningStatements& all, uint64_t number) : all_(all), number_(number) {}
    ~Entry() { all_.leave(number_); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    [[nodiscard]] std::string tag() const;
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] bool cancelled() const { return all_.is_cancelled(number_); }
    /// From now on the statement ends when its client goes away; at once if it has gone.
    void only_reads() { all_.set_only_reads(number_); }

   private:
    RunningStatements& all_;
    uint64_t number_;
  };

  /// Refused with ClickHouse's 216 if `query_id` runs already; kCancelled after cancel_all().
  Result<std::unique_ptr<Entry>> enter(const std::string& query_id);
  /// Begins to end a statement; returns at once. For network threads too.
  void cancel(uint64_t number);
  /// The client of that statement has gone away. Returns at once; for network threads too.
  void client_gone(uint64_t number);
  /// As cancel() for every statement of that id; how many there are.
  size_t cancel(const std::string& query_id);
  /// As cancel() for all of them, and lets no more enter.
  void cancel_all();
  [[nodiscard]] size_t size() const;
  /// Waits until all that were cancelled have left. Nothing can be cancelled afterwards. May be
  /// called twice.
  void stop();

 private:
  struct Running {
    std::string query_id;
    bool only_reads = false;
    bool client_gone = false;
    bool cancelled = false;
  };
  void set_only_reads(uint64_t number);
  void leave(uint64_t number);
  [[nodiscard]] bool is_cancelled(uint64_t number) const;
  // Of running_, under mutex_.
  void cancel_locked(Running& running);
  void end_cancelled();

  const Kill kill_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // one has left, or was cancelled, or is not being ended now
  // Guarded by mutex_.
  std::map<uint64_t, Running> running_;
  uint64_t next_ = 1;
  uint64_t ending_ = 0;          // the statement whose tag kill_ has at the moment; 0: none
  uint64_t cancellations_ = 0;   // that were ever asked for
  bool canceller_runs_ = false;  // end_cancelled() is queued or runs
  bool closed_ = false;
  io::WorkerPool canceller_;
};

}  // namespace freshet::api
