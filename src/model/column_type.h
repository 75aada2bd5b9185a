// The types a column can have: those of ClickHouse that Freshet writes, each with one Arrow layout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  kDecimal32,   // int32, int64, int128, int256 little-endian, value * 10^scale
  kDecimal64,
  kDecimal128,
  kUuid,  // 16 bytes, big-endian text order
  kInt128,
  kInt256,
  kUInt128,
  kUInt256,
  kDecimal256,
  kFixedString,  // ColumnType::width bytes
  kIpv4,         // uint32, the first octet highest
  kIpv6,         // 16 bytes in network order
  kEnum8,        // int8, int16: the value, not the name
  kEnum16,
  kJson,   // the text of a JSON object, laid out as kString
  kArray,  // int32 ends into the column of its elements
  kTuple,  // a column for each element
  kMap,    // as kArray, of tuples of key and value
};

struct EnumValue {
  std::string name;
  int16_t value = 0;
  friend bool operator==(const EnumValue&, const EnumValue&) = default;
};

struct ColumnType {
  ColumnKind kind = ColumnKind::kString;
  bool nullable = false;
  uint8_t scale = 0;      // DateTime64 0..9, Decimal 0..precision
  uint8_t precision = 0;  // Decimal only: 1..9, 10..18, 19..38, 39..76
  /// DateTime and DateTime64: as declared, empty if not; stored values are UTC.
  std::string timezone = {};
  uint32_t width = 0;  // FixedString only
  /// LowCardinality of anything but String: the values lie here as if it were not.
  bool low_cardinality = false;
  std::vector<EnumValue> enum_values = {};   // by rising value
  std::vector<ColumnType> parts = {};        // Array: 1, Map: 2, Tuple: its elements
  std::vector<std::string> part_names = {};  // of a Tuple's elements; empty if they have none
  std::string json_arguments = {};           // JSON: what stands in its parentheses

  friend bool operator==(const ColumnType&, const ColumnType&) = default;
};

/// Bytes of one value in the `values` buffer, 4 (the code) for kLowCardinalityString; 0 for what
/// has no such buffer: String, JSON, Array, Tuple, Map.
[[nodiscard]] size_t fixed_width(const ColumnType& type);

/// Array, Tuple or Map: values that are made of the values of other columns.
[[nodiscard]] inline bool is_composite(ColumnKind kind) {
  return kind == ColumnKind::kArray || kind == ColumnKind::kTuple || kind == ColumnKind::kMap;
}

/// Reads ClickHouse's spelling: "Nullable(Decimal(18, 4))", "Array(Tuple(a UInt8, b String))".
/// Types that are others under a name are read as those: Nested(...) as an Array of Tuple, Point as
/// a Tuple of two Float64 (and Ring, LineString, Polygon and the like as Arrays of it),
/// SimpleAggregateFunction(f, T) as T. kUnsupported names a type of ClickHouse that Freshet does
/// not write yet.
Result<ColumnType> parse_clickhouse_type(std::string_view text);

/// The inverse, in ClickHouse's canonical spelling.
[[nodiscard]] std::string to_clickhouse_type(const ColumnType& type);

}  // namespace freshet
