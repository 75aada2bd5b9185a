// How to reach a Kafka cluster from outside: what every client of librdkafka here starts from.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace freshet::kafka {

struct ClientSettings {
  /// "host:port,host:port"; one that answers is enough.
  std::string bootstrap = "127.0.0.1:9092";
  std::string client_id = "freshet";
  /// How long one question to the cluster may take, connecting included.
  std::chrono::milliseconds request_timeout{10'000};
  /// Raw librdkafka properties (TLS, SASL, tuning); they win over everything set here.
  std::map<std::string, std::string> librdkafka_properties;
};

}  // namespace freshet::kafka
