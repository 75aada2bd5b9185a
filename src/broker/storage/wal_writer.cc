#include "broker/storage/wal_writer.h"

#include "base/check.h"
#include "base/crash_point.h"

namespace freshet::broker {
namespace {

constexpr uint64_t kLinkEntryBytes = kWalEntryHeaderBytes + WalLink::kBytes;

}  // namespace

WalWriter::WalWriter(WalFiles& files, uint64_t file_bytes, std::function<void(uint64_t)> on_switch)
    : files_(files), file_bytes_(file_bytes), on_switch_(std::move(on_switch)) {}

uint64_t WalWriter::group_bytes_max() const {
  return file_bytes_ - kWalEntriesStart - kLinkEntryBytes;
}

Result<void> WalWriter::start(std::optional<WalLink> previous) {
  FRESHET_TRY(next_file());
  link_pending_ = previous.has_value();
  if (previous) link_ = previous->encode();
  return {};
}

Result<void> WalWriter::next_file() {
  FRESHET_ASSIGN(auto next, files_.take());
  if (file_) {
    link_ = WalLink{.sequence = sequence(), .end = position_, .checksum = checksum_}.encode();
    link_pending_ = true;
  }
  file_ = std::move(next);
  position_ = kWalEntriesStart;
  checksum_ = file_->header.checksum();
  return {};
}

void WalWriter::add(const WalEntry& entry) {
  entries_.push_back(entry);
  group_bytes_ += kWalEntryHeaderBytes + entry.payload.size();
}

Result<void> WalWriter::commit() {
  FRESHET_CHECK_LE(group_bytes_, group_bytes_max());
  if (position_ + group_bytes_ + (link_pending_ ? kLinkEntryBytes : 0) > file_bytes_) {
    FRESHET_TRY(next_file());
    on_switch_(sequence());
  }
  headers_.resize(entries_.size() + 1);
  pieces_.clear();
  uint32_t checksum = checksum_;
  uint64_t bytes = 0;
  const auto put = [&](const WalEntry& entry, std::array<char, kWalEntryHeaderBytes>& header) {
    checksum = encode_wal_entry(entry, checksum, header.data());
    pieces_.push_back({header.data(), header.size()});
    if (!entry.payload.empty()) {
      pieces_.push_back({const_cast<char*>(entry.payload.data()), entry.payload.size()});
    }
    bytes += header.size() + entry.payload.size();
  };
  if (link_pending_) {
    put({.type = WalEntryType::kLink, .topic_id = {}, .payload = {link_.data(), link_.size()}},
        headers_.back());
  }
  for (size_t i = 0; i < entries_.size(); ++i) put(entries_[i], headers_[i]);
  if (detail::crash_points_armed.load(std::memory_order_relaxed)) {
    FRESHET_TRY(file_->file->write(std::span(pieces_).first((pieces_.size() + 1) / 2), position_));
    crash_point(kHalfWritten);
  }
  FRESHET_TRY(file_->file->write(pieces_, position_));
  crash_point("mid_append");
  const auto before_sync = std::chrono::steady_clock::now();
  FRESHET_TRY(file_->file->sync());
  sync_time_ = std::chrono::steady_clock::now() - before_sync;
  position_ += bytes;
  checksum_ = checksum;
  link_pending_ = false;
  entries_.clear();
  group_bytes_ = 0;
  return {};
}

}  // namespace freshet::broker
