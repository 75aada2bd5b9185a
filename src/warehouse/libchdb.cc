#include "warehouse/libchdb.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <vector>

namespace freshet::warehouse {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFileName = "libchdb.so";

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FRESHET_SANITIZED_HEAP 1
#endif
#endif
#ifdef FRESHET_SANITIZED_HEAP
constexpr bool kSanitizedHeap = true;
#else
constexpr bool kSanitizedHeap = false;
#endif

template <class Function>
bool bind(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

// Name of the first function that the library lacks, or null.
const char* bind_all(void* library, Libchdb& api) {
#define FRESHET_BIND(member) \
  if (!bind(library, "chdb_" #member, api.member)) return "chdb_" #member
  FRESHET_BIND(version);
  FRESHET_BIND(connect);
  FRESHET_BIND(close_conn);
  FRESHET_BIND(shutdown);
  FRESHET_BIND(set_signal_handlers_enabled);
  FRESHET_BIND(query_n);
  FRESHET_BIND(stream_query_n);
  FRESHET_BIND(query_with_params_n);
  FRESHET_BIND(stream_query_with_params_n);
  FRESHET_BIND(stream_fetch_result);
  FRESHET_BIND(stream_cancel_query);
  FRESHET_BIND(destroy_query_result);
  FRESHET_BIND(result_buffer);
  FRESHET_BIND(result_length);
  FRESHET_BIND(result_elapsed);
  FRESHET_BIND(result_rows_read);
  FRESHET_BIND(result_storage_rows_read);
  FRESHET_BIND(result_storage_bytes_read);
  FRESHET_BIND(result_rows_written);
  FRESHET_BIND(result_bytes_written);
  FRESHET_BIND(result_error);
  FRESHET_BIND(stream_insert_n);
  FRESHET_BIND(stream_insert_with_params_n);
  FRESHET_BIND(stream_append);
  FRESHET_BIND(stream_done);
  FRESHET_BIND(stream_cancel_insert);
  FRESHET_BIND(stream_insert_error);
  FRESHET_BIND(destroy_insert_stream);
  FRESHET_BIND(classify_query_n);
#undef FRESHET_BIND
  return nullptr;
}

/// Has the system read the whole file in order, in the background. Page faults alone read the same
/// half a gigabyte in random order: 20 s instead of 2 when nothing of it is cached.
void read_ahead(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;  // dlopen() says why
  ::posix_fadvise(file, 0, 0, POSIX_FADV_WILLNEED);
  ::close(file);
}

Result<Libchdb> load(const std::string& configured) {
  if (kSanitizedHeap) {
    // dlopen() crashes: the library brings its own heap and C++ runtime.
    return fail(Errc::kUnsupported,
                "the ClickHouse engine cannot be loaded into a program built with AddressSanitizer "
                "or ThreadSanitizer: use the release preset");
  }
  FRESHET_ASSIGN(const std::string path, find_libchdb(configured));
  read_ahead(path);
  void* library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(Errc::kIo, "the ClickHouse engine cannot be loaded: {}", ::dlerror());
  }
  Libchdb api{};
  if (const char* missing = bind_all(library, api)) {
    return fail(Errc::kUnsupported,
                "{} lacks the function {}; Freshet needs libchdb {}: run scripts/setup", path,
                missing, kLibchdbPackageVersion);
  }
  if (std::string_view(api.version()) != kLibchdbVersion) {
    return fail(Errc::kUnsupported,
                "{} is version {}, Freshet is tested with {} only: run scripts/setup", path,
                api.version(), kLibchdbVersion);
  }
  return api;
}

}  // namespace

Result<std::string> find_libchdb(const std::string& configured) {
  std::vector<fs::path> places;
  if (!configured.empty()) {
    places.emplace_back(configured);
  } else if (const char* from_env = std::getenv("FRESHET_LIBCHDB")) {
    places.emplace_back(from_env);
  } else {
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    places.push_back(program / kFileName);
    const fs::path in_deps =
        fs::path(".deps") / fmt::format("libchdb-{}", kLibchdbPackageVersion) / kFileName;
    for (fs::path dir = program; !dir.empty(); dir = dir.parent_path()) {
      places.push_back(dir / in_deps);
      if (dir == dir.root_path()) break;
    }
    places.emplace_back(fs::path("/usr/lib/freshet") / kFileName);
  }
  std::string looked_at;
  for (const fs::path& place : places) {
    std::error_code error;
    if (fs::is_regular_file(place, error)) return place.string();
    looked_at += fmt::format("{}{}", looked_at.empty() ? "" : ", ", place.string());
  }
  return fail(Errc::kNotFound,
              "the ClickHouse engine libchdb.so {} is not installed: run scripts/setup or set "
              "FRESHET_LIBCHDB to its path (looked at {})",
              kLibchdbPackageVersion, looked_at);
}

Result<const Libchdb*> load_libchdb(const std::string& configured) {
  static std::mutex mutex;
  static Libchdb api;
  static bool loaded = false;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    FRESHET_ASSIGN(api, load(configured));
    loaded = true;
  }
  return &api;
}

}  // namespace freshet::warehouse
