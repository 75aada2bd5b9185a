#include "io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <vector>

namespace freshet::io {
namespace {

constexpr mode_t kFileMode = 0640;

Error file_error(std::string_view call, const std::filesystem::path& path, int errno_value) {
  const auto what = fmt::format("{} {}", call, path.native());
  if (errno_value == ENOENT) return Error(Errc::kNotFound, what + ": no such file or directory");
  if (errno_value == EEXIST) return Error(Errc::kAlreadyExists, what + ": it exists already");
  if (errno_value == EFBIG) {
    return Error(Errc::kNoSpace, what + ": the file may not grow further (see ulimit -f)");
  }
  return errno_error(what, errno_value);
}

std::unexpected<Error> failed(std::string_view call, const std::filesystem::path& path) {
  return std::unexpected(file_error(call, path, errno));
}

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::filesystem::path& path, OpenMode mode) {
  File file;
  do {
    file.fd_ = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, kFileMode);
  } while (file.fd_ < 0 && errno == EINTR);
  if (file.fd_ < 0) return failed("open", path);
  file.path_ = path;
  return file;
}

Result<uint64_t> File::size() const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) return failed("fstat", path_);
  return static_cast<uint64_t>(info.st_size);
}

Result<size_t> File::read_at(std::span<char> into, uint64_t position) const {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t n =
        ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(position + done));
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      return failed("read", path_);
    }
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<void> File::write_at(std::string_view bytes, uint64_t position) const {
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  return write_at(std::span(&piece, 1), position);
}

Result<void> File::write_at(std::span<const iovec> pieces, uint64_t position) const {
  std::array<iovec, IOV_MAX> window;
  size_t next = 0;
  size_t skip = 0;  // bytes of pieces[next] already written
  while (next < pieces.size()) {
    const size_t count = std::min(pieces.size() - next, window.size());
    std::copy_n(pieces.begin() + static_cast<ptrdiff_t>(next), count, window.begin());
    window[0].iov_base = static_cast<char*>(window[0].iov_base) + skip;
    window[0].iov_len -= skip;
    ssize_t n =
        ::pwritev(fd_, window.data(), static_cast<int>(count), static_cast<off_t>(position));
    if (n < 0) {
      if (errno == EINTR) continue;
      return failed("write", path_);
    }
    position += static_cast<uint64_t>(n);
    skip += static_cast<size_t>(n);
    while (next < pieces.size() && skip >= pieces[next].iov_len) skip -= pieces[next++].iov_len;
  }
  return {};
}

Result<void> File::sync_data() const {
  if (::fdatasync(fd_) != 0) return failed("fdatasync", path_);
  return {};
}

Result<void> File::allocate(uint64_t size) const {
  int error = 0;
  do {
    error = ::posix_fallocate(fd_, 0, static_cast<off_t>(size));
  } while (error == EINTR);
  if (error != 0) return std::unexpected(file_error("allocate", path_, error));
  return {};
}

Result<void> File::truncate(uint64_t size) const {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed("truncate", path_);
  return {};
}

Result<void> File::close() {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) return failed("close", path_);
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, size_t size_max) {
  FRESHET_ASSIGN(const auto file, File::open(path, OpenMode::kRead));
  FRESHET_ASSIGN(const auto size, file.size());
  if (size > size_max) {
    return fail(Errc::kTooLarge, "read {}: it has {} bytes, at most {} are expected", path.native(),
                size, size_max);
  }
  // One byte more tells a file that grows meanwhile (or has no size, as in /proc) from a whole one.
  std::string content(std::max<size_t>(size, 4096) + 1, '\0');
  FRESHET_ASSIGN(const auto got, file.read_at(content, 0));
  if (got > size_max) {
    return fail(Errc::kTooLarge, "read {}: it has more than {} bytes", path.native(), size_max);
  }
  content.resize(got);
  return content;
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open directory", directory);
  const int status = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (status != 0) return std::unexpected(file_error("fsync directory", directory, error));
  return {};
}

Result<uint64_t> free_bytes(const std::filesystem::path& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return failed("statvfs", path);
  return uint64_t{info.f_bavail} * info.f_frsize;
}

uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = raised.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  }
  return limit.rlim_cur;
}

Result<DirectoryLock> DirectoryLock::acquire(const std::filesystem::path& directory) {
  const auto path = directory / "lock";
  FRESHET_ASSIGN(auto file, File::open(path, OpenMode::kCreate));
  // flock belongs to the open file, so a second holder in this process is refused too.
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path);
    std::array<char, 32> text{};
    const auto got = file.read_at(text, 0);
    const std::string_view pid(text.data(), got ? *got : 0);
    return fail(Errc::kRefused,
                "directory {} is in use by process {}: stop that process or choose another "
                "directory (--data-dir)",
                directory.native(), pid.substr(0, pid.find('\n')));
  }
  FRESHET_TRY(file.truncate(0));
  FRESHET_TRY(file.write_at(fmt::format("{}\n", ::getpid()), 0));
  return DirectoryLock(std::move(file));
}

}  // namespace freshet::io
