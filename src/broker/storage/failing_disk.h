// A disk that fails on demand.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "broker/storage/disk.h"

namespace freshet::broker {

enum class DiskCall { kWrite, kSync };

/// PosixDisk, except that `fault` may turn a write or a sync of a file into an error before it
/// happens, or hold that one call up. May leave out the syncs themselves, which no test of files
/// that are cut by hand needs.
class FailingDisk final : public Disk {
 public:
  using Fault = std::function<Result<void>(DiskCall call, const std::filesystem::path& path)>;

  void set_fault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  void leave_out_syncs() { syncs_ = false; }
  void set_free_bytes(uint64_t bytes) { free_bytes_ = bytes; }

  Result<std::unique_ptr<DiskFile>> open(const std::filesystem::path& path,
                                         io::OpenMode mode) override {
    FRESHET_ASSIGN(auto file, io::File::open(path, mode));
    return std::make_unique<FailingFile>(*this, std::move(file));
  }
  Result<void> make_directory(const std::filesystem::path& path) override {
    return real_.make_directory(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_.rename(from, to);
  }
  Result<void> remove(const std::filesystem::path& path) override { return real_.remove(path); }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    if (!syncs_) return {};
    return real_.sync_directory(path);
  }
  Result<void> sync_file_system(const std::filesystem::path& path) override {
    FRESHET_TRY(check(DiskCall::kSync, path));
    if (!syncs_) return {};
    return real_.sync_file_system(path);
  }
  Result<uint64_t> free_bytes(const std::filesystem::path&) override { return free_bytes_.load(); }

 private:
  class FailingFile final : public DiskFile {
   public:
    FailingFile(FailingDisk& disk, io::File file) : DiskFile(std::move(file)), disk_(disk) {}
    Result<void> write(std::span<const iovec> pieces, uint64_t position) override {
      FRESHET_TRY(disk_.check(DiskCall::kWrite, file().path()));
      return DiskFile::write(pieces, position);
    }
    Result<void> sync() override {
      FRESHET_TRY(disk_.check(DiskCall::kSync, file().path()));
      if (!disk_.syncs_) return {};
      return DiskFile::sync();
    }

   private:
    FailingDisk& disk_;
  };

  Result<void> check(DiskCall call, const std::filesystem::path& path) {
    Fault fault;
    {
      const std::lock_guard lock(mutex_);
      fault = fault_;
    }
    return fault ? fault(call, path) : Result<void>{};
  }

  PosixDisk& real_ = PosixDisk::instance();
  std::atomic<bool> syncs_{true};
  std::atomic<uint64_t> free_bytes_{uint64_t{1} << 40};
  std::mutex mutex_;
  Fault fault_;
};

}  // namespace freshet::broker
