// A file's bytes in memory, shared and read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "io/file.h"

namespace freshet::broker {

/// Maps the first `capacity` bytes of a file, which may be more than it has now: bytes that are
/// appended later appear in the mapping, bytes beyond the end must not be touched. Lives on its
/// own: the file may be closed and unlinked meanwhile.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> map(const io::File& file, uint64_t capacity);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Keeps the mapping alive for a reader of these bytes. When the last copy goes, a large run of
  /// pages leaves this process's resident set: they stay in the page cache, and whoever reads them
  /// again maps them again.
  [[nodiscard]] static std::shared_ptr<const void> lend(std::shared_ptr<const MappedFile> file,
                                                        uint64_t position, uint64_t size);

  [[nodiscard]] const char* data() const { return data_; }
  [[nodiscard]] uint64_t capacity() const { return capacity_; }

 private:
  MappedFile(const char* data, uint64_t capacity) : data_(data), capacity_(capacity) {}
  const char* const data_;
  const uint64_t capacity_;
};

}  // namespace freshet::broker
