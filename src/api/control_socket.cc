#include "api/control_socket.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace freshet::api {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPathBytesMax = sizeof(sockaddr_un{}.sun_path) - 1;

// FNV-1a; a name, not a proof: the server behind the socket is told apart by its data directory's
// lock.
std::string hash_name(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

// One spelling per directory: absolute, links resolved as far as it exists.
Result<fs::path> canonical_directory(const fs::path& directory) {
  std::error_code error;
  fs::path canonical = fs::weakly_canonical(fs::absolute(directory, error), error);
  if (error) {
    return fail(Errc::kIo, "data directory {}: {}", directory.string(), error.message());
  }
  // "data/" and "data" are one.
  return canonical.has_filename() ? canonical : canonical.parent_path();
}

bool is_own_directory(const fs::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::getuid();
}

Result<void> make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(Errc::kIo, "cannot create {}: {}", path.string(), error.message());
  return {};
}

// A directory for sockets that only this user may enter.
Result<fs::path> runtime_directory(bool create) {
  const char* given = std::getenv("XDG_RUNTIME_DIR");
  if (given != nullptr && is_own_directory(given)) return fs::path(given);
  fs::path run = fmt::format("/run/user/{}", ::getuid());
  if (is_own_directory(run)) return run;
  fs::path own = fmt::format("/tmp/freshet-{}", ::getuid());
  if (create && ::mkdir(own.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return std::unexpected(errno_error("cannot create " + own.string(), errno));
  }
  struct stat info{};
  if (::lstat(own.c_str(), &info) == 0 &&
      (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 0077) != 0)) {
    return fail(Errc::kRefused,
                "{} is not a directory of this user alone, so no control socket is put there; "
                "remove it, or use a data directory with a shorter path",
                own.string());
  }
  return own;
}

}  // namespace

Result<fs::path> control_socket_path(const fs::path& data_dir, bool create) {
  FRESHET_ASSIGN(const fs::path directory, canonical_directory(data_dir));
  fs::path path = directory / "state" / "control.sock";
  if (path.native().size() <= kPathBytesMax) {
    if (create) FRESHET_TRY(make_directory(path.parent_path()));
    return path;
  }
  FRESHET_ASSIGN(const fs::path runtime, runtime_directory(create));
  path = runtime / fmt::format("freshet-{}.sock", hash_name(directory.native()));
  if (path.native().size() > kPathBytesMax) {
    return fail(Errc::kInvalidArgument,
                "no control socket: {} is longer than the {} bytes of a unix socket's path; use a "
                "data directory with a shorter path",
                path.string(), kPathBytesMax);
  }
  return path;
}

}  // namespace freshet::api
