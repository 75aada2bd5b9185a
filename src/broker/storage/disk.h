// How the store changes the disk. Everything it writes, syncs, renames or removes goes through
// here; reading does not. Real users: PosixDisk in the program, and in tests a disk that records
// every change (recording_disk.h) to replay power cuts, and one that fails (failing_disk.h).
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "io/file.h"

namespace freshet::broker {

/// One file open for reading and writing. Positional calls from any thread.
class DiskFile {
 public:
  explicit DiskFile(io::File file) : file_(std::move(file)) {}
  virtual ~DiskFile() = default;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  virtual Result<void> write(std::span<const iovec> pieces, uint64_t position) {
    return file_.write_at(pieces, position);
  }
  virtual Result<void> sync() { return file_.sync_data(); }
  virtual Result<void> truncate(uint64_t size) { return file_.truncate(size); }
  virtual Result<void> allocate(uint64_t size) { return file_.allocate(size); }

  Result<void> write(std::string_view bytes, uint64_t position) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return write(std::span(&piece, 1), position);
  }
  [[nodiscard]] const io::File& file() const { return file_; }

 private:
  io::File file_;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<DiskFile>> open(const std::filesystem::path& path,
                                                 io::OpenMode mode) = 0;
  /// The parent exists. Success when the directory is there already.
  virtual Result<void> make_directory(const std::filesystem::path& path) = 0;
  virtual Result<void> rename(const std::filesystem::path& from,
                              const std::filesystem::path& to) = 0;
  /// A file, or a directory with the files in it. Success when it is not there.
  virtual Result<void> remove(const std::filesystem::path& path) = 0;
  virtual Result<void> sync_directory(const std::filesystem::path& path) = 0;
  /// Everything on the file system of `path`: data, sizes, directories.
  virtual Result<void> sync_file_system(const std::filesystem::path& path) = 0;
  virtual Result<uint64_t> free_bytes(const std::filesystem::path& path) = 0;

  /// The directory with all above it that are missing, each durable in the one that holds it.
  Result<void> make_directories(const std::filesystem::path& path);
  /// Writes `<path>.tmp`, syncs it, renames it over `path` and syncs the directory: afterwards, and
  /// after a power cut at any moment, `path` holds the old content or the new, whole.
  Result<void> replace_file(const std::filesystem::path& path, std::string_view content);
};

class PosixDisk final : public Disk {
 public:
  static PosixDisk& instance();
  Result<std::unique_ptr<DiskFile>> open(const std::filesystem::path& path,
                                         io::OpenMode mode) override;
  Result<void> make_directory(const std::filesystem::path& path) override;
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> sync_directory(const std::filesystem::path& path) override;
  Result<void> sync_file_system(const std::filesystem::path& path) override;
  Result<uint64_t> free_bytes(const std::filesystem::path& path) override;
};

}  // namespace freshet::broker
