#include "broker/storage/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

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

std::shared_ptr<const void> MappedFile::lend(std::shared_ptr<const MappedFile> file,
                                             uint64_t position, uint64_t size) {
  // Below this the system call costs more than the pages weigh.
  constexpr uint64_t kWorthwhile = 128 * 1024;
  if (size < kWorthwhile) return file;
  const char* const data = file->data() + position;
  return {data, [file = std::move(file), position, size](const void*) {
            static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
            const uint64_t first = position / page * page;
            // Only advice: a failure changes nothing but the resident set.
            static_cast<void>(::madvise(const_cast<char*>(file->data()) + first,
                                        position + size - first, MADV_DONTNEED));
          }};
}

MappedFile::~MappedFile() { ::munmap(const_cast<char*>(data_), capacity_); }

}  // namespace freshet::broker
