#include "broker/storage/producer_table.h"

#include <algorithm>
#include <ranges>

#include "base/crc32c.h"
#include "base/endian.h"

namespace freshet::broker {
namespace {

constexpr size_t kSnapshotHeaderBytes = 10;
constexpr size_t kSnapshotEntryBytes = 46;
constexpr int16_t kSnapshotVersion = 1;

int32_t next_sequence(int32_t last) { return last == INT32_MAX ? 0 : last + 1; }

// A snapshot keeps the length of the batch in offsets, from which its first sequence follows.
int32_t sequence_minus(int32_t sequence, int32_t delta) {
  const int64_t first = int64_t{sequence} - delta;
  return static_cast<int32_t>(first >= 0 ? first : first + (int64_t{1} << 31));
}

}  // namespace

const ProducerBatch* ProducerTable::Producer::newest_data() const {
  for (const auto& batch : std::views::reverse(batches)) {
    if (batch.epoch != epoch()) return nullptr;
    if (!batch.is_marker()) return &batch;
  }
  return nullptr;
}

SequenceCheck ProducerTable::check(kafka::RecordBatchView batch) const {
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return {};
  const auto& producer = found->second;
  const int16_t epoch = producer.epoch();
  if (batch.producer_epoch() < epoch) {
    return {.verdict = SequenceVerdict::kOldEpoch, .known_epoch = epoch};
  }
  if (batch.producer_epoch() > epoch) {
    if (batch.base_sequence() == 0) return {};
    return {.verdict = SequenceVerdict::kOutOfOrder, .expected_sequence = 0};
  }
  for (const auto& known : producer.batches) {
    if (known.epoch == epoch && !known.is_marker() &&
        known.first_sequence == batch.base_sequence() &&
        known.last_sequence == batch.last_sequence()) {
      return {.verdict = SequenceVerdict::kDuplicate,
              .base_offset = known.base_offset,
              .last_offset = known.last_offset};
    }
  }
  const auto* const newest = producer.newest_data();
  const int32_t expected = newest != nullptr ? next_sequence(newest->last_sequence) : 0;
  if (batch.base_sequence() == expected) return {};
  return {.verdict = SequenceVerdict::kOutOfOrder, .expected_sequence = expected};
}

void ProducerTable::add(kafka::RecordBatchView batch, int64_t now_ms) {
  auto& producer = producers_[batch.producer_id()];
  producer.last_append_ms = now_ms;
  const bool marker = batch.is_control();
  const int16_t known = producer.batches.empty() ? int16_t{-1} : producer.epoch();
  producer.batches.push_back({.epoch = std::max(known, batch.producer_epoch()),
                              .first_sequence = marker ? -1 : batch.base_sequence(),
                              .last_sequence = marker ? -1 : batch.last_sequence(),
                              .base_offset = batch.base_offset(),
                              .last_offset = batch.last_offset()});
}

void ProducerTable::settle(int64_t producer_id, Offset end) {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end()) return;
  auto& batches = found->second.batches;
  if (batches.size() <= kBatchesKept) return;
  size_t data = 0;
  size_t markers = 0;
  auto keep = batches.size();
  for (size_t i = batches.size(); i-- > 0;) {
    const bool published = batches[i].last_offset < end;
    const bool kept =
        !published || (batches[i].is_marker() ? markers++ == 0 : data++ < kBatchesKept);
    if (kept) batches[--keep] = batches[i];
  }
  batches.erase(batches.begin(), batches.begin() + static_cast<ptrdiff_t>(keep));
}

void ProducerTable::expire(int64_t before_ms, const OpenTransactions& open) {
  std::erase_if(producers_, [&](const auto& entry) {
    return entry.second.last_append_ms < before_ms && !open.first_offset_of(entry.first);
  });
}

ProducerTable ProducerTable::durable_before(Offset offset) const {
  ProducerTable durable = *this;
  for (auto& [id, producer] : durable.producers_) {
    std::erase_if(producer.batches,
                  [offset](const ProducerBatch& batch) { return batch.last_offset >= offset; });
    durable.settle(id, offset);
  }
  std::erase_if(durable.producers_, [](const auto& entry) { return entry.second.batches.empty(); });
  return durable;
}

void ProducerTable::restore(int64_t producer_id, Producer producer) {
  if (!producer.batches.empty()) producers_[producer_id] = std::move(producer);
}

std::string ProducerTable::to_snapshot(const OpenTransactions& open) const {
  std::string bytes(kSnapshotHeaderBytes + producers_.size() * kSnapshotEntryBytes, '\0');
  store_be(bytes.data(), kSnapshotVersion);
  store_be(bytes.data() + 6, static_cast<int32_t>(producers_.size()));
  char* at = bytes.data() + kSnapshotHeaderBytes;
  for (const auto& [id, producer] : producers_) {
    const auto* const data = producer.newest_data();
    const ProducerBatch newest = data != nullptr ? *data : ProducerBatch{};
    const bool ended_any = std::ranges::any_of(producer.batches, &ProducerBatch::is_marker);
    store_be(at, id);
    store_be(at + 8, producer.epoch());
    store_be(at + 10, newest.last_sequence);
    store_be(at + 14, newest.last_offset.value());
    store_be(at + 22, static_cast<int32_t>(newest.last_offset - newest.base_offset));
    store_be(at + 26, producer.last_append_ms);
    store_be(at + 34, ended_any ? int32_t{0} : int32_t{-1});
    store_be(at + 38, open.first_offset_of(id).value_or(kNoOffset).value());
    at += kSnapshotEntryBytes;
  }
  store_be(bytes.data() + 2, crc32c(std::string_view(bytes).substr(6)));
  return bytes;
}

Result<ProducerTable> ProducerTable::from_snapshot(std::string_view bytes) {
  if (bytes.size() < kSnapshotHeaderBytes) {
    return fail(Errc::kCorrupt, "producer snapshot has {} bytes, at least {} are expected",
                bytes.size(), kSnapshotHeaderBytes);
  }
  if (const auto version = load_be<int16_t>(bytes.data()); version != kSnapshotVersion) {
    return fail(Errc::kUnsupported, "producer snapshot has version {}, {} is expected", version,
                kSnapshotVersion);
  }
  if (load_be<uint32_t>(bytes.data() + 2) != crc32c(bytes.substr(6))) {
    return fail(Errc::kCorrupt, "producer snapshot does not match its checksum");
  }
  const auto count = load_be<int32_t>(bytes.data() + 6);
  if (count < 0 ||
      kSnapshotHeaderBytes + static_cast<size_t>(count) * kSnapshotEntryBytes != bytes.size()) {
    return fail(Errc::kCorrupt, "producer snapshot claims {} producers in {} bytes", count,
                bytes.size());
  }
  ProducerTable table;
  for (const char* at = bytes.data() + kSnapshotHeaderBytes; at != bytes.data() + bytes.size();
       at += kSnapshotEntryBytes) {
    const auto last_sequence = load_be<int32_t>(at + 10);
    const Offset last_offset(load_be<int64_t>(at + 14));
    const auto delta = load_be<int32_t>(at + 22);
    if (delta < 0) return fail(Errc::kCorrupt, "producer snapshot holds offset delta {}", delta);
    // Without a sequence only the epoch is known: that of a marker.
    const int32_t first = last_sequence < 0 ? -1 : sequence_minus(last_sequence, delta);
    Producer producer{.batches = {{.epoch = load_be<int16_t>(at + 8),
                                   .first_sequence = first,
                                   .last_sequence = last_sequence,
                                   .base_offset = last_offset - delta,
                                   .last_offset = last_offset}},
                      .last_append_ms = load_be<int64_t>(at + 26)};
    table.restore(load_be<int64_t>(at), std::move(producer));
  }
  return table;
}

}  // namespace freshet::broker
