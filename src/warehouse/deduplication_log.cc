#include "warehouse/deduplication_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "observe/log.h"

namespace freshet::warehouse {
namespace {

namespace fs = std::filesystem;

const Logger logger("warehouse");

constexpr uintmax_t kLogBytesMax = uintmax_t{256} << 20;

struct BlockSpan {
  std::string_view partition;
  uint64_t first = 0;
  uint64_t last = 0;
};

std::optional<uint64_t> to_number(std::string_view text) {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// "<partition>_<first>_<last>_<level>" with an optional "_<mutation>"; partition ids hold no '_'.
std::optional<BlockSpan> parse_part(std::string_view name) {
  std::vector<std::string_view> fields;
  for (size_t from = 0; from <= name.size();) {
    const size_t to = std::min(name.find('_', from), name.size());
    fields.push_back(name.substr(from, to - from));
    from = to + 1;
    if (fields.size() > 5) return std::nullopt;
  }
  if (fields.size() < 4 || fields[0].empty()) return std::nullopt;
  for (size_t i = 3; i < fields.size(); ++i) {
    if (!to_number(fields[i])) return std::nullopt;
  }
  const auto first = to_number(fields[1]);
  const auto last = to_number(fields[2]);
  if (!first || !last || *first > *last) return std::nullopt;
  return BlockSpan{.partition = fields[0], .first = *first, .last = *last};
}

// Blocks that lie in some part of the table, per partition, as disjoint or nested spans.
class CoveredBlocks {
 public:
  explicit CoveredBlocks(const std::vector<std::string>& parts) {
    for (const std::string& name : parts) {
      if (const auto span = parse_part(name)) {
        uint64_t& last = spans_[std::string(span->partition)][span->first];
        last = std::max(last, span->last);
      }
    }
    for (auto& [partition, spans] : spans_) {
      uint64_t reach = 0;
      for (auto& [first, last] : spans) {
        reach = std::max(reach, last);
        if (reach >= first) last = std::max(last, reach);
      }
    }
  }
  [[nodiscard]] bool covers(const BlockSpan& block) const {
    const auto partition = spans_.find(std::string(block.partition));
    if (partition == spans_.end()) return false;
    auto after = partition->second.upper_bound(block.first);
    if (after == partition->second.begin()) return false;
    return std::prev(after)->second >= block.last;
  }

 private:
  std::unordered_map<std::string, std::map<uint64_t, uint64_t>> spans_;  // partition: first, last
};

Result<std::string> read_file(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) return std::unexpected(errno_error("stat " + path.string(), error.value()));
  if (size > kLogBytesMax) {
    return fail(Errc::kTooLarge, "{} has {} bytes; a deduplication log has at most {}",
                path.string(), size, kLogBytesMax);
  }
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return fail(Errc::kIo, "read {}: input/output error", path.string());
  return text;
}

// Files deduplication_log_<n>.txt in the order of n.
std::vector<fs::path> log_files(const fs::path& directory) {
  std::map<uint64_t, fs::path> by_number;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().stem().string();
    constexpr std::string_view kPrefix = "deduplication_log_";
    if (!name.starts_with(kPrefix)) continue;
    if (const auto number = to_number(std::string_view(name).substr(kPrefix.size()))) {
      by_number[*number] = entry.path();
    }
  }
  std::vector<fs::path> files;
  for (auto& [number, path] : by_number) files.push_back(std::move(path));
  return files;
}

Result<void> append_durably(const fs::path& path, size_t keep, std::string_view lines) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error("open " + path.string(), errno));
  const bool done = ::ftruncate(fd, static_cast<off_t>(keep)) == 0 &&
                    ::lseek(fd, 0, SEEK_END) >= 0 &&
                    ::write(fd, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
                    ::fdatasync(fd) == 0;
  const int write_errno = errno;
  ::close(fd);
  if (!done) return std::unexpected(errno_error("write " + path.string(), write_errno));
  return {};
}

Result<size_t> mend_table(const fs::path& table) {
  const std::vector<fs::path> files = log_files(table / "deduplication_logs");
  if (files.empty()) return 0;
  std::string log;
  size_t last_file_at = 0;
  for (const fs::path& file : files) {
    last_file_at = log.size();
    FRESHET_ASSIGN(const std::string text, read_file(file));
    log += text;
  }
  // A torn last line would swallow what is appended to it.
  const size_t newline = log.rfind('\n');
  const size_t whole = newline == std::string::npos ? 0 : newline + 1;
  const size_t keep = std::max(whole, last_file_at) - last_file_at;
  log.resize(std::max(whole, last_file_at));

  std::vector<std::string> parts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(table, error)) {
    parts.push_back(entry.path().filename().string());
  }
  if (error) return std::unexpected(errno_error("list " + table.string(), error.value()));
  const std::string lines = forget_lines(log, parts);
  if (lines.empty()) return 0;
  FRESHET_TRY(append_durably(files.back(), keep, lines));
  const auto forgotten = static_cast<size_t>(std::ranges::count(lines, '\n'));
  logger.info("insert tokens without rows forgotten", kv("directory", table.string()),
              kv("tokens", forgotten));
  return forgotten;
}

}  // namespace

std::string forget_lines(std::string_view log, const std::vector<std::string>& part_directories) {
  std::unordered_map<std::string_view, std::string_view> part_of_block;
  std::vector<std::string_view> order;  // of block ids, so that the result is reproducible
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    const size_t part_at = line.find('\t');
    if (part_at != 1 || (line[0] != '1' && line[0] != '2')) continue;
    const size_t block_at = line.find('\t', part_at + 1);
    if (block_at == std::string_view::npos) continue;
    const std::string_view part = line.substr(part_at + 1, block_at - part_at - 1);
    const std::string_view block = line.substr(block_at + 1);
    if (line[0] == '2') {
      part_of_block.erase(block);
    } else if (part_of_block.insert_or_assign(block, part).second) {
      order.push_back(block);
    }
  }
  const CoveredBlocks covered(part_directories);
  std::string lines;
  for (const std::string_view block : order) {
    const auto found = part_of_block.find(block);
    if (found == part_of_block.end()) continue;
    const auto span = parse_part(found->second);
    if (span && !covered.covers(*span)) {
      lines += fmt::format("2\t{}\t{}\n", found->second, block);
    }
    part_of_block.erase(found);
  }
  return lines;
}

Result<size_t> mend_deduplication_logs(const std::string& store) {
  size_t forgotten = 0;
  std::error_code error;
  for (const auto& shard : fs::directory_iterator(fs::path(store) / "store", error)) {
    std::error_code shard_error;
    for (const auto& table : fs::directory_iterator(shard.path(), shard_error)) {
      if (!fs::is_directory(table.path() / "deduplication_logs", shard_error)) continue;
      FRESHET_ASSIGN(const size_t here, mend_table(table.path()));
      forgotten += here;
    }
  }
  return forgotten;  // a store without tables has no such directory
}

Result<void> sync_deduplication_log(const std::string& table_directory) {
  const std::vector<fs::path> files = log_files(fs::path(table_directory) / "deduplication_logs");
  if (files.empty()) return {};
  const int fd = ::open(files.back().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error("open " + files.back().string(), errno));
  const bool done = ::fdatasync(fd) == 0;
  const int sync_errno = errno;
  ::close(fd);
  if (!done) return std::unexpected(errno_error("fdatasync " + files.back().string(), sync_errno));
  return {};
}

}  // namespace freshet::warehouse
