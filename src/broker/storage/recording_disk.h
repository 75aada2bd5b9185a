// A disk that remembers every change, and what a power cut may leave of them.
#pragma once

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "broker/storage/disk.h"
#include "broker/storage/disk_image.h"

namespace freshet::broker {

/// Works on real files like PosixDisk, and records every change in order. lay_out() then builds a
/// directory as a power cut after any number of them could have left it: what was synced is there;
/// of what was not, each write may be whole, torn at a sector, have lost sectors, or be missing, a
/// change of size may be missing with all that was written by its grace, and of the changes of each
/// directory any first part may be there. A file's sync says nothing about its directory.
class RecordingDisk final : public Disk {
 public:
  explicit RecordingDisk(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] size_t change_count() const {
    const std::lock_guard lock(mutex_);
    return changes_.size();
  }
  /// From now on syncs of these paths are left out: what a check must see the harm of.
  void forget_syncs(std::function<bool(const std::filesystem::path&)> forgotten) {
    const std::lock_guard lock(mutex_);
    forgotten_ = std::move(forgotten);
  }
  /// Builds into the empty directory `to`, which stands for the root.
  void lay_out(size_t changes, uint64_t seed, const std::filesystem::path& to) const;

  Result<std::unique_ptr<DiskFile>> open(const std::filesystem::path& path,
                                         io::OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    const bool existed = std::filesystem::exists(path);
    FRESHET_ASSIGN(auto file, io::File::open(path, mode));
    if (!existed) names_[path] = next_file_++;
    const size_t id = names_.at(path);
    if (!existed) changes_.push_back({.kind = DiskChange::Kind::kCreate, .path = path, .file = id});
    return std::make_unique<RecordedFile>(*this, id, std::move(file));
  }
  Result<void> make_directory(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (std::filesystem::exists(path)) return {};
    FRESHET_TRY(PosixDisk::instance().make_directory(path));
    changes_.push_back({.kind = DiskChange::Kind::kMakeDirectory, .path = path});
    return {};
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    const std::lock_guard lock(mutex_);
    FRESHET_TRY(PosixDisk::instance().rename(from, to));
    std::map<std::filesystem::path, size_t> renamed;
    for (const auto& [path, id] : names_) renamed[moved_path(path, from, to)] = id;
    names_ = std::move(renamed);
    changes_.push_back({.kind = DiskChange::Kind::kRename, .path = from, .to = to});
    return {};
  }
  Result<void> remove(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    FRESHET_TRY(PosixDisk::instance().remove(path));
    std::erase_if(names_, [&](const auto& entry) { return is_in_directory(entry.first, path); });
    changes_.push_back({.kind = DiskChange::Kind::kRemove, .path = path});
    return {};
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (!is_forgotten(path))
      changes_.push_back({.kind = DiskChange::Kind::kSyncDirectory, .path = path});
    return {};
  }
  Result<void> sync_file_system(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    if (!is_forgotten(path)) changes_.push_back({.kind = DiskChange::Kind::kSyncAll});
    return {};
  }
  Result<uint64_t> free_bytes(const std::filesystem::path&) override { return uint64_t{1} << 40; }

 private:
  class RecordedFile final : public DiskFile {
   public:
    RecordedFile(RecordingDisk& disk, size_t id, io::File file)
        : DiskFile(std::move(file)), disk_(disk), id_(id) {}
    Result<void> write(std::span<const iovec> pieces, uint64_t position) override {
      DiskChange change{.kind = DiskChange::Kind::kWrite, .file = id_, .position = position};
      for (const auto& piece : pieces) {
        change.bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      }
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back(std::move(change));
      return DiskFile::write(pieces, position);
    }
    Result<void> sync() override {
      const std::lock_guard lock(disk_.mutex_);
      if (!disk_.is_forgotten(file().path())) {
        disk_.changes_.push_back({.kind = DiskChange::Kind::kSync, .file = id_});
      }
      return {};
    }
    Result<void> truncate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back({.kind = DiskChange::Kind::kResize, .file = id_, .position = size});
      return DiskFile::truncate(size);
    }
    Result<void> allocate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back(
          {.kind = DiskChange::Kind::kResize, .file = id_, .position = size, .grow_only = true});
      return DiskFile::allocate(size);
    }

   private:
    RecordingDisk& disk_;
    const size_t id_;
  };

  [[nodiscard]] bool is_forgotten(const std::filesystem::path& path) const {
    return forgotten_ && forgotten_(path);
  }
  const std::filesystem::path root_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<DiskChange> changes_;
  std::map<std::filesystem::path, size_t> names_;
  size_t next_file_ = 0;
  std::function<bool(const std::filesystem::path&)> forgotten_;
};

inline void RecordingDisk::lay_out(size_t changes, uint64_t seed,
                                   const std::filesystem::path& to) const {
  const std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  DiskImage image;
  for (size_t i = 0; i < changes; ++i) image.take(changes_[i]);
  image.lose_power(random);
  for (const auto& [path, file] : image.entries()) {
    const auto target = moved_path(path, root_, to);
    if (file == DiskImage::kDirectory) {
      std::filesystem::create_directories(target);
      continue;
    }
    // A file whose directory did not survive is gone with it.
    if (!std::filesystem::exists(target.parent_path())) continue;
    std::ofstream(target, std::ios::binary) << image.content(file);
  }
}

}  // namespace freshet::broker
