// Owners of librdkafka's objects; the library's header stays out of ours.
#pragma once

#include <memory>

// NOLINTBEGIN(readability-identifier-naming): librdkafka's names
struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_message_s;
// NOLINTEND(readability-identifier-naming)

namespace freshet::kafka {

struct ClientDestroy {
  void operator()(rd_kafka_s* client) const;
};
struct ConfigurationDestroy {
  void operator()(rd_kafka_conf_s* configuration) const;
};
struct MessageDestroy {
  void operator()(rd_kafka_message_s* message) const;
};

/// Destroying a client waits for its threads, a few seconds at most; what is still queued in a
/// producer is lost.
using ClientHandle = std::unique_ptr<rd_kafka_s, ClientDestroy>;
using ConfigurationHandle = std::unique_ptr<rd_kafka_conf_s, ConfigurationDestroy>;
using MessageHandle = std::unique_ptr<rd_kafka_message_s, MessageDestroy>;

}  // namespace freshet::kafka
