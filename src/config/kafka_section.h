// The keys of `services.kafka`: the embedded broker's listener, who may connect, and its limits.
// Used by platform_schema.cc.
#pragma once

#include <string>

#include "config/platform.h"
#include "config/section.h"

namespace freshet::config {

/// Adds the key `kafka`. Files and `file:` secrets count from `directory`.
void add_kafka_service(Section<Platform>& services, const std::string& directory);

}  // namespace freshet::config
