// A file system of its own that can be filled to the last byte.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace freshet::history {

/// A tmpfs, mounted for the life of this object; needs root, or a user namespace of its own.
class SmallDisk {
 public:
  SmallDisk() = default;
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  Result<void> mount(const std::filesystem::path& directory, uint64_t bytes);
  [[nodiscard]] bool is_mounted() const { return !directory_.empty(); }
  /// Leaves about `left` bytes to everybody else.
  void fill(uint64_t left);
  void make_room();

 private:
  std::filesystem::path directory_;
};

}  // namespace freshet::history
