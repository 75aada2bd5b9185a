// Fixed-size entries in order, partly in a file and partly still in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "broker/storage/disk.h"
#include "broker/storage/mapped_file.h"

namespace freshet::broker {

/// What .index and .timeindex share. New entries stay in memory until flush(), so an append costs
/// no system call; entries in the file are mapped at the first lookup. The file is made by the
/// first flush of an entry. A file that is shorter than it should be counts as empty: an index only
/// saves walking, whoever uses it finds everything without it. Any thread may call any method;
/// append, flush, sync and reset come from one thread at a time.
class IndexFile {
 public:
  IndexFile(Disk& disk, std::filesystem::path path, size_t entry_bytes);

  /// Entries in the file are counted at the first use; a partial last entry does not count.
  [[nodiscard]] Result<uint64_t> count();
  /// Of entries that flush() has put into the file.
  [[nodiscard]] uint64_t flushed_count() const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void append(std::string_view entry);
  Result<void> flush();
  /// The file is there afterwards, even if it is empty.
  Result<void> make_file();
  /// Says nothing about the file's name; see take_made().
  Result<void> sync();
  /// Whether the file was made since the last call: its directory must be synced too.
  [[nodiscard]] bool take_made();
  /// Forgets all entries from `count` on, in the file too.
  Result<void> reset(uint64_t count);
  /// As reset(count) for a file that holds at least `count` entries, but touches it only when it is
  /// used.
  void trust(uint64_t count);

  /// Copies entry `i` < count() into `into`.
  Result<void> read(uint64_t i, char* into);
  /// The number of entries at the front for which `goes_before` holds; entries are ordered so that
  /// it holds for all before the first for which it does not.
  Result<uint64_t> partition_point(const std::function<bool(const char* entry)>& goes_before);

 private:
  Result<bool> open_locked(io::OpenMode mode);
  Result<void> load_locked();
  Result<const char*> entry_locked(uint64_t i);

  Disk& disk_;
  const std::filesystem::path path_;
  const size_t entry_bytes_;
  mutable std::mutex mutex_;
  std::shared_ptr<DiskFile> file_;
  bool made_ = false;     // see take_made()
  bool loaded_ = false;   // flushed_ holds
  uint64_t flushed_ = 0;  // entries in the file
  std::string tail_;      // entries after those
  std::shared_ptr<const MappedFile> mapped_;
};

}  // namespace freshet::broker
