// A disk that remembers every change, and what a power cut may leave of them.
#pragma once

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/disk.h"

namespace freshet::broker {

/// Works on real files like PosixDisk, and records every change in order. lay_out() then builds a
/// directory as a power cut after any number of them could have left it: what was synced is there;
/// of what was not, each write may be whole, torn at a sector, or missing, and of the changes of
/// each directory any first part may be there. A file's sync says nothing about its directory.
class RecordingDisk final : public Disk {
 public:
  explicit RecordingDisk(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] size_t change_count() const {
    const std::lock_guard lock(mutex_);
    return changes_.size();
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
    if (!existed) changes_.push_back({.kind = Kind::kCreate, .path = path, .file = id});
    return std::make_unique<RecordedFile>(*this, id, std::move(file));
  }
  Result<void> make_directory(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    FRESHET_TRY(PosixDisk::instance().make_directory(path));
    changes_.push_back({.kind = Kind::kMakeDirectory, .path = path});
    return {};
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    const std::lock_guard lock(mutex_);
    FRESHET_TRY(PosixDisk::instance().rename(from, to));
    std::map<std::filesystem::path, size_t> renamed;
    for (const auto& [path, id] : names_) renamed[moved(path, from, to)] = id;
    names_ = std::move(renamed);
    changes_.push_back({.kind = Kind::kRename, .path = from, .to = to});
    return {};
  }
  Result<void> remove(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    FRESHET_TRY(PosixDisk::instance().remove(path));
    std::erase_if(names_, [&](const auto& entry) { return is_in(entry.first, path); });
    changes_.push_back({.kind = Kind::kRemove, .path = path});
    return {};
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    const std::lock_guard lock(mutex_);
    changes_.push_back({.kind = Kind::kSyncDirectory, .path = path});
    return {};
  }
  Result<void> sync_file_system(const std::filesystem::path&) override {
    const std::lock_guard lock(mutex_);
    changes_.push_back({.kind = Kind::kSyncAll});
    return {};
  }
  Result<uint64_t> free_bytes(const std::filesystem::path&) override { return uint64_t{1} << 40; }

 private:
  enum class Kind {
    kCreate,
    kWrite,
    kResize,  // to `position` bytes; `grow_only` for an allocation
    kSync,
    kMakeDirectory,
    kRename,
    kRemove,
    kSyncDirectory,
    kSyncAll,
  };
  struct Change {
    Kind kind;
    std::filesystem::path path = {};
    std::filesystem::path to = {};
    size_t file = 0;
    uint64_t position = 0;
    bool grow_only = false;
    std::string bytes = {};
  };

  class RecordedFile final : public DiskFile {
   public:
    RecordedFile(RecordingDisk& disk, size_t id, io::File file)
        : DiskFile(std::move(file)), disk_(disk), id_(id) {}
    Result<void> write(std::span<const iovec> pieces, uint64_t position) override {
      Change change{.kind = Kind::kWrite, .file = id_, .position = position};
      for (const auto& piece : pieces) {
        change.bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      }
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back(std::move(change));
      return DiskFile::write(pieces, position);
    }
    Result<void> sync() override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back({.kind = Kind::kSync, .file = id_});
      return {};
    }
    Result<void> truncate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back({.kind = Kind::kResize, .file = id_, .position = size});
      return DiskFile::truncate(size);
    }
    Result<void> allocate(uint64_t size) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.changes_.push_back(
          {.kind = Kind::kResize, .file = id_, .position = size, .grow_only = true});
      return DiskFile::allocate(size);
    }

   private:
    RecordingDisk& disk_;
    const size_t id_;
  };

  // What the platters hold, as far as the changes went.
  struct Image {
    std::map<size_t, std::string> files;
    std::map<size_t, std::vector<const Change*>> unsynced;  // by file
    std::map<std::filesystem::path, size_t> entries;        // kDirectory: a directory
    std::map<std::filesystem::path, std::vector<const Change*>> unsynced_entries;  // by directory
  };
  static constexpr size_t kDirectory = SIZE_MAX;

  static bool is_in(const std::filesystem::path& path, const std::filesystem::path& directory) {
    return path == directory || path.native().starts_with(directory.native() + "/");
  }
  static std::filesystem::path moved(const std::filesystem::path& path,
                                     const std::filesystem::path& from,
                                     const std::filesystem::path& to) {
    if (!is_in(path, from)) return path;
    return to.native() + path.native().substr(from.native().size());
  }

  static void apply_to_file(Image& image, const Change& change, size_t bytes) {
    auto& content = image.files[change.file];
    if (change.kind == Kind::kResize) {
      if (!change.grow_only || content.size() < change.position) content.resize(change.position);
      return;
    }
    if (content.size() < change.position + bytes) content.resize(change.position + bytes);
    content.replace(change.position, bytes, change.bytes, 0, bytes);
  }
  static void apply_to_directory(Image& image, const Change& change) {
    switch (change.kind) {
      case Kind::kCreate:
        image.entries[change.path] = change.file;
        break;
      case Kind::kMakeDirectory:
        image.entries[change.path] = kDirectory;
        break;
      case Kind::kRemove:
        std::erase_if(image.entries,
                      [&](const auto& entry) { return is_in(entry.first, change.path); });
        break;
      case Kind::kRename: {
        std::map<std::filesystem::path, size_t> renamed;
        for (const auto& [path, id] : image.entries) {
          if (!is_in(path, change.to)) renamed[moved(path, change.path, change.to)] = id;
        }
        image.entries = std::move(renamed);
        break;
      }
      default:
        break;
    }
  }
  static void sync_entries(Image& image, const std::filesystem::path& directory) {
    // A directory that is itself new, or was renamed, takes its own name along.
    const auto parent = image.unsynced_entries.find(directory.parent_path());
    if (parent != image.unsynced_entries.end() &&
        std::ranges::any_of(parent->second, [&](const Change* change) {
          return change->path == directory || change->to == directory;
        })) {
      sync_entries(image, directory.parent_path());
    }
    for (const auto* change : image.unsynced_entries[directory]) apply_to_directory(image, *change);
    image.unsynced_entries.erase(directory);
  }
  static void sync_file(Image& image, size_t file) {
    for (const auto* change : image.unsynced[file]) {
      apply_to_file(image, *change, change->bytes.size());
    }
    image.unsynced.erase(file);
  }
  static void take(Image& image, const Change& change) {
    switch (change.kind) {
      case Kind::kWrite:
      case Kind::kResize:
        image.unsynced[change.file].push_back(&change);
        break;
      case Kind::kSync:
        sync_file(image, change.file);
        break;
      case Kind::kSyncDirectory:
        sync_entries(image, change.path);
        break;
      case Kind::kSyncAll: {
        while (!image.unsynced.empty()) sync_file(image, image.unsynced.begin()->first);
        while (!image.unsynced_entries.empty()) {
          sync_entries(image, image.unsynced_entries.begin()->first);
        }
        break;
      }
      case Kind::kRename:
        image.unsynced_entries[change.to.parent_path()].push_back(&change);
        break;
      default:
        image.unsynced_entries[change.path.parent_path()].push_back(&change);
    }
  }

  const std::filesystem::path root_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Change> changes_;
  std::map<std::filesystem::path, size_t> names_;
  size_t next_file_ = 0;
};

inline void RecordingDisk::lay_out(size_t changes, uint64_t seed,
                                   const std::filesystem::path& to) const {
  constexpr size_t kSectorBytes = 512;
  const std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  Image image;
  for (size_t i = 0; i < changes; ++i) take(image, changes_[i]);
  for (const auto& [file, pending] : image.unsynced) {
    for (const auto* change : pending) {
      const auto fate = random() % 3;
      size_t bytes = change->bytes.size();
      if (change->kind == Kind::kWrite && fate == 0) continue;
      if (fate == 1) bytes = std::min(bytes, random() % (bytes + 1) / kSectorBytes * kSectorBytes);
      apply_to_file(image, *change, bytes);
    }
  }
  std::set<std::filesystem::path> not_there;
  for (const auto& [directory, pending] : image.unsynced_entries) {
    // What was done in a directory goes with it; parents come first in this order.
    const size_t there = not_there.contains(directory) ? 0 : random() % (pending.size() + 1);
    for (size_t i = 0; i < there; ++i) apply_to_directory(image, *pending[i]);
    for (size_t i = there; i < pending.size(); ++i) {
      if (pending[i]->kind == Kind::kMakeDirectory) not_there.insert(pending[i]->path);
    }
  }
  for (const auto& [path, file] : image.entries) {
    const auto target = moved(path, root_, to);
    if (file == kDirectory) {
      std::filesystem::create_directories(target);
      continue;
    }
    // A file whose directory did not survive is gone with it.
    if (!std::filesystem::exists(target.parent_path())) continue;
    std::ofstream(target, std::ios::binary) << image.files[file];
  }
}

}  // namespace freshet::broker
