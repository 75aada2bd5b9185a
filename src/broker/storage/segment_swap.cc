#include "broker/storage/segment_swap.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/crash_point.h"
#include "broker/storage/mapped_file.h"
#include "broker/storage/segment.h"
#include "kafka/record_batch.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr size_t kBaseDigits = 20;
// The one that decides comes last.
constexpr std::array<std::string_view, 4> kExtensions = {".index", ".timeindex", ".txnindex",
                                                         ".log"};

std::filesystem::path file_of(const std::filesystem::path& directory, Offset base,
                              std::string_view extension, std::string_view suffix = {}) {
  return directory / (segment_file_name(base, extension) + std::string(suffix));
}

Result<void> take_places(Disk& disk, const std::filesystem::path& directory,
                         std::span<const Offset> replaced) {
  for (const Offset base : replaced.subspan(1)) {
    for (const auto extension : kExtensions) {
      FRESHET_TRY(disk.remove(file_of(directory, base, extension)));
    }
    crash_point("mid_compaction");
  }
  for (const auto extension : kExtensions) {
    const auto from = file_of(directory, replaced.front(), extension, kSwapSuffix);
    // Renamed already, before a crash.
    if (!std::filesystem::exists(from)) continue;
    FRESHET_TRY(disk.rename(from, file_of(directory, replaced.front(), extension)));
    crash_point("mid_compaction");
  }
  return disk.sync_directory(directory);
}

// One past the last offset in a file of batches that was synced whole. Behind damage the segments
// that it was made from are still there, or nothing is.
Result<Offset> end_of(const std::filesystem::path& path, Offset base) {
  FRESHET_ASSIGN(const auto file, io::File::open(path, io::OpenMode::kRead));
  FRESHET_ASSIGN(const auto size, file.size());
  if (size == 0) return base;
  FRESHET_ASSIGN(const auto mapping, MappedFile::map(file, size));
  std::string_view rest(mapping->data(), size);
  Offset end = base;
  while (!rest.empty()) {
    const auto batch = kafka::next_batch(rest);
    if (!batch || !*batch || !kafka::check_batch(**batch) || (*batch)->base_offset() < end) {
      logger.error("a compacted segment is damaged; it is served up to there",
                   kv("file", path.native()), kv("byte", size - rest.size()),
                   kv("first_offset_lost", end));
      return end;
    }
    end = (*batch)->next_offset();
  }
  return end;
}

struct Unfinished {
  std::set<Offset> decided;                     // have a .log.swap
  std::vector<Offset> bases;                    // of the segments there
  std::vector<std::filesystem::path> leftover;  // to remove unless decided
};

Result<Unfinished> look_around(const std::filesystem::path& directory) {
  Unfinished found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().native();
    int64_t base = 0;
    const auto parsed =
        std::from_chars(name.data(), name.data() + std::min(kBaseDigits, name.size()), base);
    if (name.size() <= kBaseDigits || parsed.ptr != name.data() + kBaseDigits) continue;
    const std::string_view rest = std::string_view(name).substr(kBaseDigits);
    if (rest == ".log") found.bases.emplace_back(base);
    if (rest == ".log.swap") found.decided.emplace(base);
    if (rest.ends_with(kCleanedSuffix)) found.leftover.push_back(entry.path());
    if (rest.ends_with(kSwapSuffix)) found.leftover.push_back(entry.path());
  }
  if (error) {
    return std::unexpected(errno_error(fmt::format("list {}", directory.native()), error.value()));
  }
  std::ranges::sort(found.bases);
  return found;
}

}  // namespace

Result<void> swap_in(Disk& disk, const std::filesystem::path& directory,
                     std::span<const Offset> replaced) {
  crash_point("mid_compaction");
  for (const auto extension : kExtensions) {
    FRESHET_TRY(disk.rename(file_of(directory, replaced.front(), extension, kCleanedSuffix),
                            file_of(directory, replaced.front(), extension, kSwapSuffix)));
    crash_point("mid_compaction");
  }
  FRESHET_TRY(disk.sync_directory(directory));
  return take_places(disk, directory, replaced);
}

Result<void> remove_cleaned(Disk& disk, const std::filesystem::path& directory, Offset base) {
  for (const auto extension : kExtensions) {
    FRESHET_TRY(disk.remove(file_of(directory, base, extension, kCleanedSuffix)));
  }
  return {};
}

Result<void> finish_swaps(Disk& disk, const std::filesystem::path& directory) {
  FRESHET_ASSIGN(const auto found, look_around(directory));
  for (const Offset base : found.decided) {
    FRESHET_ASSIGN(const Offset end, end_of(file_of(directory, base, ".log", kSwapSuffix), base));
    std::vector<Offset> replaced{base};
    for (const Offset other : found.bases) {
      if (other > base && other < end) replaced.push_back(other);
    }
    logger.info("a compaction that was cut off is completed", kv("directory", directory.native()),
                kv("base_offset", base), kv("segments", replaced.size()));
    FRESHET_TRY(take_places(disk, directory, replaced));
  }
  for (const auto& path : found.leftover) FRESHET_TRY(disk.remove(path));
  return {};
}

}  // namespace freshet::broker
