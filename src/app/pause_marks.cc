#include "app/pause_marks.h"

#include <fmt/chrono.h>

#include <system_error>

#include "io/file.h"

namespace freshet::app {

bool PauseMarks::is_set(const std::string& pipeline) const {
  std::error_code failure;
  return std::filesystem::exists(directory_ / pipeline, failure);
}

Result<void> PauseMarks::set(const std::string& pipeline, const Clock& clock) {
  if (is_set(pipeline)) return {};
  std::error_code failure;
  std::filesystem::create_directories(directory_, failure);
  if (failure) return std::unexpected(errno_error("make " + directory_.string(), failure.value()));
  FRESHET_TRY(io::sync_directory(state_.parent_path()));
  FRESHET_TRY(io::sync_directory(state_));
  FRESHET_ASSIGN(auto file, io::File::open(directory_ / pipeline, io::OpenMode::kCreate));
  const auto now = std::chrono::system_clock::to_time_t(clock.wall());
  FRESHET_TRY(
      file.write_at(fmt::format("paused since {:%Y-%m-%dT%H:%M:%S}Z\n", fmt::gmtime(now)), 0));
  FRESHET_TRY(file.sync_data());
  FRESHET_TRY(file.close());
  return io::sync_directory(directory_);
}

Result<void> PauseMarks::clear(const std::string& pipeline) {
  if (!is_set(pipeline)) return {};
  std::error_code failure;
  std::filesystem::remove(directory_ / pipeline, failure);
  if (failure) {
    return std::unexpected(
        errno_error("remove " + (directory_ / pipeline).string(), failure.value()));
  }
  return io::sync_directory(directory_);
}

}  // namespace freshet::app
