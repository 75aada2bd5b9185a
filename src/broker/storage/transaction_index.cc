#include "broker/storage/transaction_index.h"

#include "base/endian.h"

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
  FRESHET_ASSIGN(const auto count, file_.count());
  if (count == 0) return false;
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
