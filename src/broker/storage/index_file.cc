#include "broker/storage/index_file.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

}  // namespace

IndexFile::IndexFile(Disk& disk, std::filesystem::path path, size_t entry_bytes)
    : disk_(disk), path_(std::move(path)), entry_bytes_(entry_bytes) {}

// False: there is no file.
Result<bool> IndexFile::open_locked(io::OpenMode mode) {
  if (file_) return true;
  const bool is_new = mode == io::OpenMode::kCreate && !std::filesystem::exists(path_);
  auto file = disk_.open(path_, mode);
  if (!file) {
    if (file.error().code() == Errc::kNotFound) return false;
    return std::unexpected(std::move(file).error());
  }
  file_ = std::move(*file);
  made_ |= is_new;
  FRESHET_ASSIGN(const auto size, file_->file().size());
  const uint64_t there = size / entry_bytes_;
  if (!loaded_) flushed_ = there;
  loaded_ = true;
  if (there < flushed_) {
    logger.warn("index is shorter than it should be; reads walk the segment instead",
                kv("file", path_.native()), kv("entries", there), kv("expected", flushed_));
    flushed_ = 0;
  }
  if (size != flushed_ * entry_bytes_) FRESHET_TRY(file_->truncate(flushed_ * entry_bytes_));
  return true;
}

Result<void> IndexFile::load_locked() {
  if (loaded_ && (file_ || flushed_ == 0)) return {};
  FRESHET_ASSIGN(const bool there, open_locked(io::OpenMode::kReadWrite));
  if (!there) flushed_ = 0;
  loaded_ = true;
  return {};
}

void IndexFile::trust(uint64_t count) {
  const std::lock_guard lock(mutex_);
  flushed_ = count;
  loaded_ = true;
  tail_.clear();
}

Result<uint64_t> IndexFile::count() {
  const std::lock_guard lock(mutex_);
  FRESHET_TRY(load_locked());
  return flushed_ + tail_.size() / entry_bytes_;
}

uint64_t IndexFile::flushed_count() const {
  const std::lock_guard lock(mutex_);
  return flushed_;
}

void IndexFile::append(std::string_view entry) {
  FRESHET_DCHECK(entry.size() == entry_bytes_);
  const std::lock_guard lock(mutex_);
  tail_ += entry;
}

Result<void> IndexFile::flush() {
  const std::lock_guard lock(mutex_);
  if (tail_.empty()) return {};
  FRESHET_TRY(load_locked());
  FRESHET_TRY(open_locked(io::OpenMode::kCreate));
  FRESHET_TRY(file_->write(tail_, flushed_ * entry_bytes_));
  flushed_ += tail_.size() / entry_bytes_;
  tail_.clear();
  return {};
}

Result<void> IndexFile::make_file() {
  const std::lock_guard lock(mutex_);
  FRESHET_TRY(load_locked());
  FRESHET_TRY(open_locked(io::OpenMode::kCreate));
  return {};
}

bool IndexFile::take_made() {
  const std::lock_guard lock(mutex_);
  return std::exchange(made_, false);
}

Result<void> IndexFile::sync() {
  std::shared_ptr<DiskFile> file;
  {
    const std::lock_guard lock(mutex_);
    file = file_;
  }
  return file ? file->sync() : Result<void>{};
}

Result<void> IndexFile::reset(uint64_t count) {
  const std::lock_guard lock(mutex_);
  FRESHET_TRY(load_locked());
  tail_.clear();
  if (count >= flushed_) return {};
  flushed_ = count;
  mapped_.reset();
  return file_->truncate(flushed_ * entry_bytes_);
}

Result<const char*> IndexFile::entry_locked(uint64_t i) {
  if (i >= flushed_) return tail_.data() + (i - flushed_) * entry_bytes_;
  const uint64_t needed = flushed_ * entry_bytes_;
  if (!mapped_ || mapped_->capacity() < needed) {
    FRESHET_ASSIGN(mapped_, MappedFile::map(file_->file(), needed));
  }
  return mapped_->data() + i * entry_bytes_;
}

Result<void> IndexFile::read(uint64_t i, char* into) {
  const std::lock_guard lock(mutex_);
  FRESHET_ASSIGN(const char* const entry, entry_locked(i));
  std::memcpy(into, entry, entry_bytes_);
  return {};
}

Result<uint64_t> IndexFile::partition_point(
    const std::function<bool(const char* entry)>& goes_before) {
  const std::lock_guard lock(mutex_);
  FRESHET_TRY(load_locked());
  uint64_t low = 0;
  uint64_t high = flushed_ + tail_.size() / entry_bytes_;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    FRESHET_ASSIGN(const char* const entry, entry_locked(middle));
    if (goes_before(entry)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace freshet::broker
