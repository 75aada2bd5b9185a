#include "broker/storage/recovery_point.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "base/endian.h"

namespace freshet::broker {
namespace {

constexpr std::string_view kMagic = "FRSHRP03";
constexpr size_t kChecksumEnd = 12;  // magic, then the CRC-32C of everything after it
constexpr uint32_t kCleanFlag = 1;

template <std::integral T>
void put(std::string& to, T value) {
  char bytes[sizeof(T)];
  store_le(bytes, value);
  to.append(bytes, sizeof bytes);
}

void put_partition(std::string& to, const PartitionPoint& point) {
  put(to, static_cast<uint16_t>(point.tp.topic.size()));
  to += point.tp.topic;
  put(to, point.tp.partition);
  to.append(reinterpret_cast<const char*>(point.topic_id.bytes.data()),
            point.topic_id.bytes.size());
  put(to, point.log_start.value());
  put(to, point.segment_base.value());
  put(to, point.position);
  put(to, point.offset.value());
  put(to, point.offset_index_entries);
  put(to, point.time_index_entries);
  put(to, point.newest.timestamp_ms);
  put(to, point.newest.offset.value());
  put(to, static_cast<uint32_t>(point.epochs.entries().size()));
  for (const auto& entry : point.epochs.entries()) {
    put(to, entry.epoch);
    put(to, entry.start.value());
  }
  put(to, static_cast<uint32_t>(point.producers.producers().size()));
  for (const auto& [id, producer] : point.producers.producers()) {
    put(to, id);
    put(to, producer.last_append_ms);
    put(to, static_cast<uint8_t>(producer.batches.size()));
    for (const auto& batch : producer.batches) {
      put(to, batch.epoch);
      put(to, batch.first_sequence);
      put(to, batch.last_sequence);
      put(to, batch.base_offset.value());
      put(to, batch.last_offset.value());
    }
  }
  put(to, static_cast<uint32_t>(point.transactions.open().size()));
  for (const auto& [id, first_offset] : point.transactions.open()) {
    put(to, id);
    put(to, first_offset.value());
  }
  put(to, static_cast<uint32_t>(point.transaction_indexes.size()));
  for (const auto& [base, sum] : point.transaction_indexes) {
    put(to, base.value());
    put(to, sum.entries);
    put(to, sum.crc);
  }
}

// Takes values off the front; once it has run short it gives zeros and says so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  T get() {
    if (rest_.size() < sizeof(T)) {
      short_ = true;
      rest_ = {};
      return T{};
    }
    const T value = load_le<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  Offset offset() { return Offset(get<int64_t>()); }
  std::string_view text(size_t size) {
    if (rest_.size() < size) {
      short_ = true;
      rest_ = {};
      return {};
    }
    const auto value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  [[nodiscard]] bool ran_short() const { return short_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

PartitionPoint get_partition(Reader& from) {
  PartitionPoint point;
  point.tp.topic = from.text(from.get<uint16_t>());
  point.tp.partition = from.get<int32_t>();
  if (const auto id = from.text(point.topic_id.bytes.size()); !id.empty()) {
    std::memcpy(point.topic_id.bytes.data(), id.data(), id.size());
  }
  point.log_start = from.offset();
  point.segment_base = from.offset();
  point.position = from.get<uint64_t>();
  point.offset = from.offset();
  point.offset_index_entries = from.get<uint64_t>();
  point.time_index_entries = from.get<uint64_t>();
  point.newest.timestamp_ms = from.get<int64_t>();
  point.newest.offset = from.offset();
  for (auto left = from.get<uint32_t>(); left > 0 && !from.ran_short(); --left) {
    const auto epoch = from.get<int32_t>();
    point.epochs.note(epoch, from.offset());
  }
  for (auto left = from.get<uint32_t>(); left > 0 && !from.ran_short(); --left) {
    const auto id = from.get<int64_t>();
    ProducerTable::Producer producer;
    producer.last_append_ms = from.get<int64_t>();
    for (auto batches = from.get<uint8_t>(); batches > 0 && !from.ran_short(); --batches) {
      ProducerBatch batch;
      batch.epoch = from.get<int16_t>();
      batch.first_sequence = from.get<int32_t>();
      batch.last_sequence = from.get<int32_t>();
      batch.base_offset = from.offset();
      batch.last_offset = from.offset();
      producer.batches.push_back(batch);
    }
    point.producers.restore(id, std::move(producer));
  }
  for (auto left = from.get<uint32_t>(); left > 0 && !from.ran_short(); --left) {
    const auto id = from.get<int64_t>();
    point.transactions.restore(id, from.offset());
  }
  for (auto left = from.get<uint32_t>(); left > 0 && !from.ran_short(); --left) {
    PartitionPoint::OfSegment index{.base = from.offset(), .sum = {}};
    index.sum.entries = from.get<uint64_t>();
    index.sum.crc = from.get<uint32_t>();
    point.transaction_indexes.push_back(index);
  }
  return point;
}

}  // namespace

TransactionIndexSum PartitionPoint::transaction_index_of(Offset segment) const {
  const auto found = std::ranges::find(transaction_indexes, segment, &OfSegment::base);
  return found == transaction_indexes.end() ? TransactionIndexSum() : found->sum;
}

std::string RecoveryPoint::encode() const {
  std::string bytes(kMagic);
  put(bytes, uint32_t{0});
  put(bytes, clean_shutdown ? kCleanFlag : uint32_t{0});
  put(bytes, leader_epoch);
  put(bytes, wal_sequence);
  put(bytes, static_cast<uint32_t>(partitions.size()));
  for (const auto& point : partitions) put_partition(bytes, point);
  store_le(bytes.data() + kMagic.size(), crc32c(std::string_view(bytes).substr(kChecksumEnd)));
  return bytes;
}

Result<RecoveryPoint> RecoveryPoint::decode(std::string_view bytes) {
  if (bytes.size() < kChecksumEnd || !bytes.starts_with(kMagic)) {
    return fail(Errc::kCorrupt, "it does not begin with {}", kMagic);
  }
  if (load_le<uint32_t>(bytes.data() + kMagic.size()) != crc32c(bytes.substr(kChecksumEnd))) {
    return fail(Errc::kCorrupt, "it does not match its checksum");
  }
  Reader from(bytes.substr(kChecksumEnd));
  RecoveryPoint point;
  point.clean_shutdown = (from.get<uint32_t>() & kCleanFlag) != 0;
  point.leader_epoch = from.get<int32_t>();
  point.wal_sequence = from.get<uint64_t>();
  for (auto left = from.get<uint32_t>(); left > 0 && !from.ran_short(); --left) {
    point.partitions.push_back(get_partition(from));
  }
  if (from.ran_short() || !from.at_end()) {
    return fail(Errc::kCorrupt, "its length does not match its content");
  }
  return point;
}

}  // namespace freshet::broker
