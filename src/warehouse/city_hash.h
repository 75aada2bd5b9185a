// CityHash128 in version 1.0.2, the checksum in front of ClickHouse's compressed blocks. Later
// versions of CityHash give other values. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace freshet::warehouse {

struct Hash128 {
  uint64_t first = 0;
  uint64_t second = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] Hash128 city_hash_128(std::string_view bytes);

}  // namespace freshet::warehouse
