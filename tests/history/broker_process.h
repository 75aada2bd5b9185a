// The broker as a process that is killed, stopped, starved of disk and started again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"

namespace freshet::history {

/// One data directory, one port for all its lives. One thread.
class BrokerProcess {
 public:
  /// What the broker says goes to the file `log`.
  BrokerProcess(std::string program, std::filesystem::path directory, std::filesystem::path log)
      : program_(std::move(program)), directory_(std::move(directory)), log_(std::move(log)) {}
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  /// Returns when it serves. With `crash_at` it kills itself there (base/crash_point.h), maybe
  /// before it serves, which is no error: is_running() is false then.
  Result<void> start(const std::string& crash_at);
  [[nodiscard]] bool is_running();
  void kill();
  /// SIGTERM; an exit status other than 0 is an error.
  Result<void> stop();
  void pause();
  void resume();
  [[nodiscard]] uint16_t port() const { return port_; }

  /// What a power cut may do besides: bytes that no sync has covered are cut off or overwritten,
  /// behind the end of the write-ahead log and behind the recovery point of segments and indexes.
  Result<void> damage_unsynced(std::mt19937_64& random);

 private:
  Result<void> damage_wal(std::mt19937_64& random);
  Result<void> damage_partitions(std::mt19937_64& random);

  const std::string program_;
  const std::filesystem::path directory_;
  const std::filesystem::path log_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
};

}  // namespace freshet::history
