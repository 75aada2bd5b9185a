// Reads records from any Kafka, through librdkafka: partitions of one's own choice, or as a member
// of a consumer group.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/handles.h"
#include "kafka/record_iterator.h"
#include "model/offset.h"

namespace freshet::kafka {

enum class OffsetReset { kEarliest, kLatest, kError };

struct ConsumerSettings {
  /// Needed by subscribe() and commit() only.
  std::optional<std::string> group;
  /// Where to start without a committed offset, or when it is gone from the log.
  OffsetReset reset = OffsetReset::kError;
  /// True hides records of aborted transactions and stops before open ones.
  bool read_committed = true;
};

/// One record as librdkafka holds it; the views live as long as this object.
class ConsumedRecord {
 public:
  explicit ConsumedRecord(MessageHandle message) : message_(std::move(message)) {}

  [[nodiscard]] std::string_view topic() const;
  [[nodiscard]] int32_t partition() const;
  [[nodiscard]] Offset offset() const;
  [[nodiscard]] int64_t timestamp_ms() const;  // -1: the record has none
  [[nodiscard]] std::optional<std::string_view> key() const;
  [[nodiscard]] std::optional<std::string_view> value() const;
  [[nodiscard]] std::vector<HeaderView> headers() const;

 private:
  MessageHandle message_;
};

/// All records there were have been read; more may come later.
struct PartitionEnd {
  TopicPartition tp;
  Offset next_offset;
};

/// monostate: nothing came in time.
using ConsumerEvent = std::variant<std::monostate, ConsumedRecord, PartitionEnd>;

struct StartPosition {
  TopicPartition tp;
  Offset offset;
};

/// One thread at a time. create() -> assign() or subscribe() -> poll() … -> close().
class Consumer {
 public:
  static Result<Consumer> create(const ClientSettings& client, const ConsumerSettings& settings);

  /// Reads exactly these partitions from these offsets, replacing any earlier choice.
  Result<void> assign(std::span<const StartPosition> positions);
  /// Shares the partitions of the topics with the other members of the group.
  Result<void> subscribe(std::span<const std::string> topics);

  /// Must be called regularly once subscribed (max.poll.interval.ms, 5 minutes). Transient trouble
  /// is retried inside and logged; an error says that going on makes no sense.
  Result<ConsumerEvent> poll(std::chrono::milliseconds wait);

  /// Commits the position after the last record that poll() returned, of every partition; durable
  /// when it returns. No-op if nothing was read.
  Result<void> commit();

  /// Leaves the group at once instead of by session timeout.
  Result<void> close();

 private:
  Consumer(ClientHandle client, bool has_group)
      : client_(std::move(client)), has_group_(has_group) {}
  [[nodiscard]] Result<void> require_group(std::string_view what) const;

  ClientHandle client_;
  bool has_group_;
};

}  // namespace freshet::kafka
