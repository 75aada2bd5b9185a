// Ports of the embedded services: the defaults, shifted by --port-offset.
#pragma once

#include <cstdint>
#include <optional>

namespace freshet::app {

struct Ports {
  uint16_t kafka = 9092;
  uint16_t api = 8080;
  uint16_t clickhouse = 8123;
};

/// None: the defaults; 0: 0 for every service, which then takes a free port; N: defaults + N.
[[nodiscard]] inline Ports shifted_ports(std::optional<int> offset) {
  if (!offset) return {};
  if (*offset == 0) return {.kafka = 0, .api = 0, .clickhouse = 0};
  const Ports defaults;
  return {.kafka = static_cast<uint16_t>(defaults.kafka + *offset),
          .api = static_cast<uint16_t>(defaults.api + *offset),
          .clickhouse = static_cast<uint16_t>(defaults.clickhouse + *offset)};
}

}  // namespace freshet::app
