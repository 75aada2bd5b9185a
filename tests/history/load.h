// Clients on librdkafka that work on a broker which keeps dying, and record everything.
//
// Partitions are numbered through: place 0..2 are "plain", 3..4 are "money" (transactions).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "history.h"

struct rd_kafka_s;

namespace freshet::history {

inline constexpr int32_t kPlainPlaces = 3;
inline constexpr int32_t kMoneyPlaces = 2;
inline constexpr int32_t kPlaces = kPlainPlaces + kMoneyPlaces;

struct LoadOptions {
  uint16_t broker_port = 0;  // what the broker says it is
  uint16_t proxy_port = 0;   // where connections really go
  uint64_t seed = 0;
  int idempotent_producers = 3;
  int transactional_producers = 2;
  int committers = 1;
};

struct CloseClient {
  void operator()(rd_kafka_s* client) const;
};
using Client = std::unique_ptr<rd_kafka_s, CloseClient>;

/// Owns a thread for each client, from the constructor until stop().
class Load {
 public:
  Load(LoadOptions options, Recorder& recorder);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Makes the topics.
  Result<void> create_topics();
  void begin();
  /// Open transactions are ended, what is on its way is waited for; then all threads are gone.
  void stop();

  /// Reads every place from `from` (one offset for each place) to its end now, with a new reader
  /// that goes through the history; `from` moves on to the ends. False: not done within `seconds`.
  bool read_ranges(std::vector<int64_t>& from, bool only_committed, double seconds);

  struct Counts {
    std::atomic<uint64_t> acknowledged, failed, unknown, committed, aborted, in_doubt, recreated;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Sender;  // one producer's view of what it sent

  using Settings = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] Client make_client(bool producer, const Settings& settings, void* opaque);
  void send(Sender& sender, rd_kafka_s* client, int32_t place, int64_t transaction);
  void run_idempotent(int number);
  void run_transactional(int number);
  /// False: the producer is of no use any more.
  bool run_transaction(Sender& sender, rd_kafka_s* client, int32_t group);
  bool end_transaction(rd_kafka_s* client, int64_t transaction, bool commit);
  void commit_in_transaction(rd_kafka_s* client, int32_t group, int64_t transaction);
  void run_committer(int number);
  /// Asks for the offset of place 0.
  void ask_committed(rd_kafka_s* client, int32_t group);
  int32_t next_process() { return ++processes_; }

  const LoadOptions options_;
  Recorder& recorder_;
  Counts counts_{};
  std::atomic<int32_t> processes_{0};
  std::atomic<int64_t> transactions_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace freshet::history
