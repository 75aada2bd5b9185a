// Which Kafka a command talks to: the one named by --brokers, the log of a running platform, or the
// log of a data directory that nobody uses, served on a free port as long as the command runs.
#pragma once

#include <memory>

#include "app/command_tree.h"
#include "app/embedded_services.h"
#include "base/error.h"
#include "kafka/client/client_settings.h"

namespace freshet::app {

struct KafkaTarget {
  kafka::ClientSettings client;
  std::unique_ptr<EmbeddedServices> services;  // only when started for this command

  static Result<KafkaTarget> find(const PlatformOptions& options);
};

}  // namespace freshet::app
