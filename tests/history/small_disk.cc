#include "small_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

namespace freshet::history {
namespace {

constexpr const char* kFiller = "filler";

}  // namespace

SmallDisk::~SmallDisk() {
  if (is_mounted()) ::umount2(directory_.c_str(), MNT_DETACH);
}

Result<void> SmallDisk::mount(const std::filesystem::path& directory, uint64_t bytes) {
  std::filesystem::create_directories(directory);
  const auto size = fmt::format("size={}", bytes);
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, size.c_str()) != 0) {
    return std::unexpected(errno_error("mount a tmpfs", errno));
  }
  directory_ = directory;
  return {};
}

void SmallDisk::fill(uint64_t left) {
  const auto free = std::filesystem::space(directory_).free;
  if (free <= left) return;
  const int fd = ::open((directory_ / kFiller).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return;
  static_cast<void>(::posix_fallocate(fd, 0, static_cast<off_t>(free - left)));
  ::close(fd);
}

void SmallDisk::make_room() {
  std::error_code ignored;
  std::filesystem::remove(directory_ / kFiller, ignored);
}

}  // namespace freshet::history
