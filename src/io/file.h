// Files as the whole platform uses them: owned descriptors, full reads and writes at a position,
// and the few durable steps (data sync, directory sync, atomic replacement, a lock per directory).
//
// Every call names its file in its error; ENOSPC and EDQUOT come back as Errc::kNoSpace.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace freshet::io {

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write, made when missing
  kCreateNew,  // read and write, kAlreadyExists when there
};

/// Owns one open file. Positional calls may run on several threads at once; moving and closing may
/// not. Positions and sizes are in bytes.
class File {
 public:
  File() = default;
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept;
  ~File();

  static Result<File> open(const std::filesystem::path& path, OpenMode mode);

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  [[nodiscard]] Result<uint64_t> size() const;
  /// Fills `into`; fewer bytes come back only at the end of the file.
  [[nodiscard]] Result<size_t> read_at(std::span<char> into, uint64_t position) const;
  /// Returns when all bytes are in the page cache; they survive a crash of the process, not of the
  /// machine. On failure any prefix may be written.
  Result<void> write_at(std::string_view bytes, uint64_t position) const;
  /// As above, pieces back to back; any number of them.
  Result<void> write_at(std::span<const iovec> pieces, uint64_t position) const;
  /// Returns when the data and what is needed to find it (the size, not the times) is on the disk.
  /// After a failure the kernel may have dropped the unwritten pages: never retry and trust.
  [[nodiscard]] Result<void> sync_data() const;
  /// Reserves disk blocks for [0, size) and makes the file at least that long; reads give zeros.
  Result<void> allocate(uint64_t size) const;
  Result<void> truncate(uint64_t size) const;
  Result<void> close();

 private:
  int fd_ = -1;
  std::filesystem::path path_;
};

/// The whole file; kTooLarge when it is longer than `size_max`, kNotFound when it is not there.
Result<std::string> read_file(const std::filesystem::path& path, size_t size_max);

/// Makes creations, renames and removals in `directory` durable.
Result<void> sync_directory(const std::filesystem::path& directory);

/// Bytes that an unprivileged writer can still use on the file system of `path`.
Result<uint64_t> free_bytes(const std::filesystem::path& path);

/// Raises the soft limit of open files to the hard limit; returns what holds now.
uint64_t raise_open_files_limit();

/// Keeps other processes (and other holders in this one) out of a directory as long as it lives:
/// an advisory lock on `<directory>/lock`, whose text is the holder's pid. The kernel drops the
/// lock with the process, so a killed holder never blocks the next start.
class DirectoryLock {
 public:
  /// kRefused when another holder lives; the message names the directory and the holder's pid.
  static Result<DirectoryLock> acquire(const std::filesystem::path& directory);

 private:
  explicit DirectoryLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace freshet::io
