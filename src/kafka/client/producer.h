// Writes records to any Kafka, through librdkafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/compression.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {

struct ProducerSettings {
  Codec codec = Codec::kLz4;
  /// How long a record may wait for company in its batch.
  std::chrono::milliseconds linger{5};
  /// A record that is not delivered by then has failed.
  std::chrono::milliseconds delivery_timeout{30'000};
};

struct OutgoingRecord {
  std::optional<int32_t> partition;  // nullopt: by hash of the key as the Java client does it
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::span<const HeaderView> headers;
  std::optional<int64_t> timestamp_ms;  // nullopt: now
};

/// Delivers at least once and in order, without duplicates from retries (idempotent, acks=all).
/// One thread at a time.
class Producer {
 public:
  static Result<Producer> create(const ClientSettings& client, const ProducerSettings& settings);
  ~Producer();
  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;

  /// Copies the record into librdkafka's queue; waits while that is full. Success says nothing
  /// about delivery.
  Result<void> send(const std::string& topic, const OutgoingRecord& record);

  /// Returns when every record sent so far is acknowledged or has failed. The error of the first
  /// that failed since the last flush; kTimeout if some are still on the way after `wait`.
  Result<void> flush(std::chrono::milliseconds wait);

  /// Acknowledged so far.
  [[nodiscard]] int64_t delivered_count() const;

 private:
  struct State;
  explicit Producer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::kafka
