// What a power cut may leave of the recorded changes of a disk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace freshet::broker {

struct DiskChange {
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
  Kind kind;
  std::filesystem::path path = {};
  std::filesystem::path to = {};
  size_t file = 0;
  uint64_t position = 0;
  bool grow_only = false;
  std::string bytes = {};
};

inline bool is_in_directory(const std::filesystem::path& path,
                            const std::filesystem::path& directory) {
  return path == directory || path.native().starts_with(directory.native() + "/");
}
/// `path` after the rename of `from` to `to`.
inline std::filesystem::path moved_path(const std::filesystem::path& path,
                                        const std::filesystem::path& from,
                                        const std::filesystem::path& to) {
  if (!is_in_directory(path, from)) return path;
  return to.native() + path.native().substr(from.native().size());
}

/// What the platters hold, as far as the changes went. The changes outlive it. One thread.
class DiskImage {
 public:
  static constexpr size_t kDirectory = SIZE_MAX;

  void take(const DiskChange& change) {
    switch (change.kind) {
      case DiskChange::Kind::kWrite:
      case DiskChange::Kind::kResize:
        unsynced_[change.file].push_back(&change);
        break;
      case DiskChange::Kind::kSync:
        sync_file(change.file);
        break;
      case DiskChange::Kind::kSyncDirectory:
        sync_entries(change.path);
        break;
      case DiskChange::Kind::kSyncAll: {
        while (!unsynced_.empty()) sync_file(unsynced_.begin()->first);
        while (!unsynced_entries_.empty()) sync_entries(unsynced_entries_.begin()->first);
        break;
      }
      case DiskChange::Kind::kRename:
        unsynced_entries_[change.to.parent_path()].push_back(&change);
        break;
      default:
        unsynced_entries_[change.path.parent_path()].push_back(&change);
    }
  }
  /// Decides what was not synced; see RecordingDisk.
  void lose_power(std::mt19937_64& random) {
    for (const auto& [file, pending] : unsynced_) apply_some(pending, random);
    std::set<std::filesystem::path> not_there;
    for (const auto& [directory, pending] : unsynced_entries_) {
      // What was done in a directory goes with it; parents come first in this order.
      const size_t there = not_there.contains(directory) ? 0 : random() % (pending.size() + 1);
      for (size_t i = 0; i < there; ++i) apply_to_directory(*pending[i]);
      for (size_t i = there; i < pending.size(); ++i) {
        if (pending[i]->kind == DiskChange::Kind::kMakeDirectory) {
          not_there.insert(pending[i]->path);
        }
      }
    }
  }
  /// Path -> file, or kDirectory.
  [[nodiscard]] const std::map<std::filesystem::path, size_t>& entries() const { return entries_; }
  [[nodiscard]] const std::string& content(size_t file) { return files_[file]; }

 private:
  using Changes = std::vector<const DiskChange*>;

  void apply_some(const Changes& pending, std::mt19937_64& random) {
    constexpr size_t kSectorBytes = 512;
    // Blocks beyond it belong to a change of size that is missing.
    uint64_t reachable = UINT64_MAX;
    for (const auto* change : pending) {
      const auto fate = random() % 4;
      if (change->kind == DiskChange::Kind::kResize) {
        const size_t size = files_[change->file].size();
        if (fate == 0) reachable = std::min({reachable, change->position, uint64_t{size}});
        if (reachable == UINT64_MAX) apply_to_file(*change, 0, 0);
        continue;
      }
      if (fate == 0 || change->position >= reachable) continue;
      size_t bytes = std::min<uint64_t>(change->bytes.size(), reachable - change->position);
      if (fate == 1) bytes = std::min(bytes, random() % (bytes + 1) / kSectorBytes * kSectorBytes);
      if (fate != 2) {
        apply_to_file(*change, 0, bytes);
        continue;
      }
      for (size_t from = 0; from < bytes; from += kSectorBytes) {
        if (random() % 4 == 0) continue;
        apply_to_file(*change, from, std::min(kSectorBytes, bytes - from));
      }
    }
  }
  /// Of a write the `bytes` from `from` on.
  void apply_to_file(const DiskChange& change, size_t from, size_t bytes) {
    auto& content = files_[change.file];
    if (change.kind == DiskChange::Kind::kResize) {
      if (!change.grow_only || content.size() < change.position) content.resize(change.position);
      return;
    }
    if (bytes == 0) return;
    const size_t position = change.position + from;
    if (content.size() < position + bytes) content.resize(position + bytes);
    content.replace(position, bytes, change.bytes, from, bytes);
  }
  void apply_to_directory(const DiskChange& change) {
    switch (change.kind) {
      case DiskChange::Kind::kCreate:
        entries_[change.path] = change.file;
        break;
      case DiskChange::Kind::kMakeDirectory:
        entries_[change.path] = kDirectory;
        break;
      case DiskChange::Kind::kRemove:
        std::erase_if(entries_,
                      [&](const auto& entry) { return is_in_directory(entry.first, change.path); });
        break;
      case DiskChange::Kind::kRename: {
        std::map<std::filesystem::path, size_t> renamed;
        for (const auto& [path, id] : entries_) {
          if (is_in_directory(path, change.to)) continue;
          renamed[moved_path(path, change.path, change.to)] = id;
        }
        entries_ = std::move(renamed);
        break;
      }
      default:
        break;
    }
  }
  void sync_entries(const std::filesystem::path& directory) {
    // A directory that is itself new, or was renamed, takes its own name along.
    const auto parent = unsynced_entries_.find(directory.parent_path());
    if (parent != unsynced_entries_.end() &&
        std::ranges::any_of(parent->second, [&](const DiskChange* change) {
          return change->path == directory || change->to == directory;
        })) {
      sync_entries(directory.parent_path());
    }
    for (const auto* change : unsynced_entries_[directory]) apply_to_directory(*change);
    unsynced_entries_.erase(directory);
  }
  void sync_file(size_t file) {
    for (const auto* change : unsynced_[file]) apply_to_file(*change, 0, change->bytes.size());
    unsynced_.erase(file);
  }

  std::map<size_t, std::string> files_;
  std::map<size_t, Changes> unsynced_;  // by file
  std::map<std::filesystem::path, size_t> entries_;
  std::map<std::filesystem::path, Changes> unsynced_entries_;  // by directory
};

}  // namespace freshet::broker
