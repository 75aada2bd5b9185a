#include "broker/storage/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>

namespace freshet::broker {

Result<std::shared_ptr<const MappedFile>> MappedFile::map(const io::File& file, uint64_t capacity) {
  void* const data = ::mmap(nullptr, capacity, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED) {
    return std::unexpected(errno_error(
        fmt::format("map {} bytes of {} (see vm.max_map_count)", capacity, file.path().native()),
        errno));
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const char*>(data), capacity));
}

MappedFile::~MappedFile() { ::munmap(const_cast<char*>(data_), capacity_); }

}  // namespace freshet::broker
