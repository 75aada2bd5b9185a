// The keys of `services.clickhouse`: the HTTP port of the embedded engine, who may ask, and limits;
// or where another ClickHouse is and who we are there.
// Used by platform_schema.cc.
#pragma once

#include <string>

#include "config/platform.h"
#include "config/section.h"

namespace freshet::config {

/// Adds the key `clickhouse`. `file:` secrets count from `directory`.
void add_clickhouse_service(Section<Platform>& services, const std::string& directory);

}  // namespace freshet::config
