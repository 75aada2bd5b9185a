// The types a column can have: those of ClickHouse that Freshet writes, each with one Arrow layout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet {

enum class ColumnKind : uint8_t {
  kString,
  kLowCardinalityString,  // dictionary: int32 codes into distinct strings
  kBool,  // one byte each, 0 or 1, as ClickHouse stores it (Arrow export makes bits)
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
  kDate,        // uint16 days since 1970-01-01
  kDate32,      // int32 days since 1970-01-01, may be negative
  kDateTime,    // uint32 seconds since the epoch, UTC
  kDateTime64,  // int64 ticks of 10^-scale seconds since the epoch, UTC
  kDecimal32,   // int32, int64, int128 little-endian, value * 10^scale
  kDecimal64,
  kDecimal128,
  kUuid,  // 16 bytes, big-endian text order
};

struct ColumnType {
  ColumnKind kind = ColumnKind::kString;
  bool nullable = false;
  uint8_t scale = 0;      // DateTime64 0..9, Decimal 0..precision
  uint8_t precision = 0;  // Decimal only: 1..9, 10..18, 19..38
  /// DateTime and DateTime64: as declared, empty if not; stored values are UTC.
  std::string timezone = {};

  friend bool operator==(const ColumnType&, const ColumnType&) = default;
};

/// Bytes of one value in the `values` buffer; 0 for kString, 4 (the code) for
/// kLowCardinalityString.
[[nodiscard]] size_t fixed_width(ColumnKind kind);

/// Reads ClickHouse's spelling: "Nullable(Decimal(18, 4))", "LowCardinality(Nullable(String))",
/// "DateTime64(3, 'UTC')". kUnsupported names a type of ClickHouse that Freshet does not write yet.
Result<ColumnType> parse_clickhouse_type(std::string_view text);

/// The inverse, in ClickHouse's canonical spelling.
[[nodiscard]] std::string to_clickhouse_type(const ColumnType& type);

}  // namespace freshet
