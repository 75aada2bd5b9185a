// The set of preallocated write-ahead log files: which are in use, which may be written next.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/storage/disk.h"
#include "broker/storage/wal_format.h"

namespace freshet::broker {

struct WalFile {
  std::filesystem::path path;
  std::shared_ptr<DiskFile> file;
  WalFileHeader header;
};

/// A file goes free -> ready (new header with the next sequence, synced) -> in use (written) ->
/// free again when a checkpoint has made everything in it durable elsewhere. Files that were
/// written once are overwritten in place, which needs no change of file system metadata at each
/// sync: less than half the time of a sync in a file that was only preallocated.
///
/// Any thread may call any method.
class WalFiles {
 public:
  struct Options {
    std::filesystem::path directory;
    uint64_t file_bytes = 0;
    uint32_t files_max = 0;
  };
  WalFiles(Disk& disk, Options options);

  struct Found {
    std::filesystem::path path;
    std::optional<uint64_t> sequence;  // nullopt: no valid header
    uint64_t size = 0;
  };
  /// Every file there. Call adopt() for each before the first prepare().
  Result<std::vector<Found>> scan() const;
  /// In use (if its entries may still be needed) or free; a file of another size is removed when it
  /// becomes free.
  Result<void> adopt(const Found& found, bool in_use);

  /// Makes one more file ready, from a free one or a new one. Success without doing anything if
  /// files_max are in use.
  Result<void> prepare();
  [[nodiscard]] bool has_ready() const;
  /// Waits for a ready file, and counts it as in use. The error of prepare() while that fails;
  /// kCancelled once stop() was called.
  Result<std::shared_ptr<WalFile>> take();
  /// Files before `sequence` become free.
  Result<void> release_before(uint64_t sequence);
  void stop();

 private:
  Result<void> prepare_one();
  Result<std::shared_ptr<WalFile>> make_new();
  Result<void> make_free(std::shared_ptr<WalFile> file);

  Disk& disk_;
  const Options options_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  uint64_t next_sequence_ = 1;
  uint32_t next_name_ = 0;
  std::vector<std::shared_ptr<WalFile>> free_;
  std::deque<std::shared_ptr<WalFile>> ready_;
  std::vector<std::shared_ptr<WalFile>> in_use_;
  std::optional<Error> prepare_error_;  // of the last prepare(), if it failed
  bool stopped_ = false;
};

}  // namespace freshet::broker
