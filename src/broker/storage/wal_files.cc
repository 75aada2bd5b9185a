#include "broker/storage/wal_files.h"

#include <algorithm>
#include <charconv>
#include <random>

namespace freshet::broker {
namespace {

constexpr std::string_view kExtension = ".wal";

uint64_t random_salt() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

WalFiles::WalFiles(Disk& disk, Options options) : disk_(disk), options_(std::move(options)) {}

Result<std::vector<WalFiles::Found>> WalFiles::scan() const {
  std::vector<Found> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory, error)) {
    if (entry.path().extension() != kExtension) continue;
    FRESHET_ASSIGN(const auto file, io::File::open(entry.path(), io::OpenMode::kRead));
    FRESHET_ASSIGN(const auto size, file.size());
    std::string header(kWalEntriesStart, '\0');
    FRESHET_ASSIGN(const auto got, file.read_at(header, 0));
    header.resize(got);
    const auto decoded = WalFileHeader::decode(header);
    found.push_back({.path = entry.path(),
                     .sequence = decoded ? std::optional(decoded->sequence) : std::nullopt,
                     .size = size});
  }
  if (error) {
    return std::unexpected(
        errno_error(fmt::format("list {}", options_.directory.native()), error.value()));
  }
  return found;
}

Result<void> WalFiles::adopt(const Found& found, bool in_use) {
  FRESHET_ASSIGN(auto file, disk_.open(found.path, io::OpenMode::kReadWrite));
  auto wal_file = std::make_shared<WalFile>();
  wal_file->path = found.path;
  wal_file->file = std::move(file);
  const std::lock_guard lock(mutex_);
  const auto name = found.path.stem().native();
  uint32_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  next_name_ = std::max(next_name_, number + 1);
  if (found.sequence) {
    wal_file->header.sequence = *found.sequence;
    next_sequence_ = std::max(next_sequence_, *found.sequence + 1);
  }
  if (in_use) {
    in_use_.push_back(std::move(wal_file));
    return {};
  }
  return make_free(std::move(wal_file));
}

Result<void> WalFiles::make_free(std::shared_ptr<WalFile> file) {
  FRESHET_ASSIGN(const auto size, file->file->file().size());
  if (size != options_.file_bytes) return disk_.remove(file->path);
  free_.push_back(std::move(file));
  return {};
}

Result<std::shared_ptr<WalFile>> WalFiles::make_new() {
  auto wal_file = std::make_shared<WalFile>();
  uint32_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_name_++;
  }
  wal_file->path = options_.directory / fmt::format("{:04d}{}", number, kExtension);
  FRESHET_ASSIGN(auto file, disk_.open(wal_file->path, io::OpenMode::kCreate));
  auto made = [&]() -> Result<void> {
    FRESHET_TRY(file->allocate(options_.file_bytes));
    FRESHET_TRY(file->sync());
    return disk_.sync_directory(options_.directory);
  }();
  if (!made) {
    static_cast<void>(disk_.remove(wal_file->path));
    return std::unexpected(std::move(made).error());
  }
  wal_file->file = std::move(file);
  return wal_file;
}

Result<void> WalFiles::prepare() {
  auto prepared = prepare_one();
  const std::lock_guard lock(mutex_);
  prepare_error_ = prepared ? std::nullopt : std::optional(prepared.error());
  changed_.notify_all();
  return prepared;
}

Result<void> WalFiles::prepare_one() {
  std::shared_ptr<WalFile> file;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      file = std::move(free_.back());
      free_.pop_back();
    } else if (in_use_.size() + ready_.size() >= options_.files_max) {
      return {};
    }
  }
  if (!file) {
    FRESHET_ASSIGN(file, make_new());
  }
  // One thread prepares at a time, so files become ready in the order of their sequences.
  WalFileHeader header{.sequence = 0, .salt = random_salt()};
  {
    const std::lock_guard lock(mutex_);
    header.sequence = next_sequence_++;
  }
  auto written = file->file->write(header.encode(), 0);
  if (written) written = file->file->sync();
  const std::lock_guard lock(mutex_);
  if (!written) {
    free_.push_back(std::move(file));
    return written;
  }
  file->header = header;
  ready_.push_back(std::move(file));
  return {};
}

bool WalFiles::has_ready() const {
  const std::lock_guard lock(mutex_);
  return !ready_.empty();
}

Result<std::shared_ptr<WalFile>> WalFiles::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || stopped_ || prepare_error_; });
  if (ready_.empty()) {
    if (stopped_) return fail(Errc::kCancelled, "the log store is stopping");
    return std::unexpected(prepare_error_->with_context("the write-ahead log needs another file"));
  }
  auto file = std::move(ready_.front());
  ready_.pop_front();
  in_use_.push_back(file);
  return file;
}

Result<void> WalFiles::release_before(uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto first_kept =
      std::partition(in_use_.begin(), in_use_.end(),
                     [sequence](const auto& file) { return file->header.sequence < sequence; });
  std::vector<std::shared_ptr<WalFile>> released(in_use_.begin(), first_kept);
  in_use_.erase(in_use_.begin(), first_kept);
  for (auto& file : released) FRESHET_TRY(make_free(std::move(file)));
  return {};
}

void WalFiles::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace freshet::broker
