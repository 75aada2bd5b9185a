#include "broker/storage/transaction_index.h"

#include <string>

#include "base/crc32c.h"
#include "base/endian.h"
#include "io/file.h"

namespace freshet::broker {
namespace {

constexpr size_t kProducerId = 2;
constexpr size_t kFirstOffset = 10;
constexpr size_t kLastOffset = 18;
constexpr size_t kLastStableOffset = 26;

}  // namespace

TransactionIndex::TransactionIndex(Disk& disk, std::filesystem::path path)
    : file_(disk, std::move(path), kEntryBytes) {}

void TransactionIndex::append(const AbortedTransaction& aborted) {
  char bytes[kEntryBytes];
  store_be(bytes, int16_t{0});
  store_be(bytes + kProducerId, aborted.producer_id);
  store_be(bytes + kFirstOffset, aborted.first_offset.value());
  store_be(bytes + kLastOffset, aborted.last_offset.value());
  store_be(bytes + kLastStableOffset, aborted.last_stable_offset.value());
  file_.append({bytes, kEntryBytes});
  crc_ = crc32c({bytes, kEntryBytes}, crc_);
  // Behind the entry: whoever counts one can read it.
  entries_.fetch_add(1, std::memory_order_release);
}

Result<bool> TransactionIndex::file_holds(const TransactionIndexSum& sum, bool whole) const {
  const auto file = io::File::open(file_.path(), io::OpenMode::kRead);
  if (!file) {
    if (file.error().code() == Errc::kNotFound) return sum.entries == 0;
    return std::unexpected(file.error());
  }
  FRESHET_ASSIGN(const uint64_t size, file->size());
  if (size / kEntryBytes < sum.entries) return false;
  if (whole && size != sum.entries * kEntryBytes) return false;
  std::string bytes(sum.entries * kEntryBytes, '\0');
  FRESHET_ASSIGN(const size_t read, file->read_at(bytes, 0));
  return read == bytes.size() && crc32c(bytes) == sum.crc;
}

void TransactionIndex::trust(const TransactionIndexSum& sum) {
  file_.trust(sum.entries);
  crc_ = sum.crc;
  entries_.store(sum.entries, std::memory_order_release);
}

Result<void> TransactionIndex::check_complete() {
  const uint64_t expected = entries_.load(std::memory_order_acquire);
  FRESHET_ASSIGN(const uint64_t there, file_.count());
  if (lost_) return fail(Errc::kCorrupt, "it could not be rebuilt from the damaged log");
  if (there < expected) return fail(Errc::kCorrupt, "it has {} of {} entries", there, expected);
  return {};
}

Result<AbortedTransaction> TransactionIndex::entry(uint64_t i) {
  char bytes[kEntryBytes];
  FRESHET_TRY(file_.read(i, bytes));
  const AbortedTransaction aborted{
      .producer_id = load_be<int64_t>(bytes + kProducerId),
      .first_offset = Offset(load_be<int64_t>(bytes + kFirstOffset)),
      .last_offset = Offset(load_be<int64_t>(bytes + kLastOffset)),
      .last_stable_offset = Offset(load_be<int64_t>(bytes + kLastStableOffset))};
  if (load_be<int16_t>(bytes) != 0 || aborted.producer_id < 0 || aborted.first_offset < Offset(0) ||
      aborted.first_offset > aborted.last_offset ||
      aborted.last_stable_offset > aborted.last_offset + 1) {
    return fail(Errc::kCorrupt, "entry {} is none of a rolled back transaction", i);
  }
  return aborted;
}

Result<bool> TransactionIndex::collect(Offset from, Offset to,
                                       std::vector<AbortedTransaction>& into) {
  if (empty()) return false;
  FRESHET_ASSIGN(const auto count, file_.count());
  FRESHET_ASSIGN(const auto first, file_.partition_point([from](const char* entry) {
    return load_be<int64_t>(entry + kLastOffset) < from.value();
  }));
  for (uint64_t i = first; i < count; ++i) {
    FRESHET_ASSIGN(const AbortedTransaction aborted, entry(i));
    if (aborted.first_offset < to) into.push_back(aborted);
    if (aborted.last_stable_offset >= to) return true;
  }
  return false;
}

}  // namespace freshet::broker
