// `services.kafka.properties`: Kafka's own names of settings, for files and habits that come from
// librdkafka or Java. Only names that mean something to our client (kafka/remote) are taken; every
// other one is refused with the nearest name, because a setting that does nothing is a trap.
//
//   names that set something      -> a field of ExternalKafkaSettings
//   names of what is always so    -> accepted with the value that we have, refused with another
//   names of what we do otherwise -> refused with the reason, and with what to write instead
//   security.protocol             -> says whether there are TLS and a login; checked against the
//                                    other keys after all were read
#pragma once

#include <string>

#include "config/platform.h"
#include "config/section.h"

namespace freshet::config {

/// Kafka's rule for group.instance.id, which is that of topic names.
ValueKind<std::string> instance_kind();

/// Files count from `directory`.
Section<ExternalKafkaSettings> kafka_properties_section(const std::string& directory);

/// To be run when all keys of `services.kafka` (`place`) were read: what contradicts itself between
/// `properties`, `tls` and `sasl` is an error.
void check_kafka_security(const Place& place, ExternalKafkaSettings& into);

}  // namespace freshet::config
