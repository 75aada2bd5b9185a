#include "broker/storage/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace freshet::broker {

Result<void> Disk::make_directories(const std::filesystem::path& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  const auto parent = path.parent_path();
  FRESHET_TRY(make_directories(parent));
  FRESHET_TRY(make_directory(path));
  return sync_directory(parent.empty() ? std::filesystem::path(".") : parent);
}

Result<void> Disk::replace_file(const std::filesystem::path& path, std::string_view content) {
  auto temporary = path;
  temporary += ".tmp";
  {
    FRESHET_ASSIGN(const auto file, open(temporary, io::OpenMode::kCreate));
    FRESHET_TRY(file->truncate(0));
    FRESHET_TRY(file->write(content, 0));
    FRESHET_TRY(file->sync());
  }
  FRESHET_TRY(rename(temporary, path));
  return sync_directory(path.parent_path());
}

PosixDisk& PosixDisk::instance() {
  static PosixDisk disk;
  return disk;
}

Result<std::unique_ptr<DiskFile>> PosixDisk::open(const std::filesystem::path& path,
                                                  io::OpenMode mode) {
  FRESHET_ASSIGN(auto file, io::File::open(path, mode));
  return std::make_unique<DiskFile>(std::move(file));
}

Result<void> PosixDisk::make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return std::unexpected(errno_error(fmt::format("make directory {}", path.native()), errno));
  }
  return {};
}

Result<void> PosixDisk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return std::unexpected(
        errno_error(fmt::format("rename {} to {}", from.native(), to.native()), errno));
  }
  return {};
}

Result<void> PosixDisk::remove(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    return std::unexpected(errno_error(fmt::format("remove {}", path.native()), error.value()));
  }
  return {};
}

Result<void> PosixDisk::sync_directory(const std::filesystem::path& path) {
  return io::sync_directory(path);
}

Result<void> PosixDisk::sync_file_system(const std::filesystem::path& path) {
  FRESHET_ASSIGN(const auto file, io::File::open(path, io::OpenMode::kRead));
  if (::syncfs(file.fd()) != 0) {
    return std::unexpected(errno_error(fmt::format("syncfs {}", path.native()), errno));
  }
  return {};
}

Result<uint64_t> PosixDisk::free_bytes(const std::filesystem::path& path) {
  return io::free_bytes(path);
}

}  // namespace freshet::broker
