// A ClickHouse that runs elsewhere, as the platform file names it.
#pragma once

#include <memory>

#include "base/error.h"
#include "config/platform.h"
#include "warehouse/http_clickhouse.h"

namespace freshet::app {

/// As warehouse::HttpClickHouse::open().
Result<std::unique_ptr<warehouse::HttpClickHouse>> open_clickhouse(
    const config::ExternalClickHouseSettings& settings);

/// Its first url, for people.
[[nodiscard]] std::string clickhouse_address(const config::ExternalClickHouseSettings& settings);

}  // namespace freshet::app
