// Stored values as text, for tests: what lies in the column, not what ClickHouse makes of it.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>

#include "model/column_batch.h"
#include "model/wide_integer.h"

namespace freshet::decode::testing {

inline std::string shown(const Column& column, size_t row);

inline std::string shown_list(const Column& column, size_t row) {
  const bool map = column.type().kind == ColumnKind::kMap;
  std::string text(1, map ? '{' : '[');
  const auto ends = column.offsets();
  for (auto i = static_cast<size_t>(ends[row]); i < static_cast<size_t>(ends[row + 1]); ++i) {
    if (text.size() > 1) text += ' ';
    const Column& elements = column.child();
    text +=
        map ? shown(elements.child(0), i) + ":" + shown(elements.child(1), i) : shown(elements, i);
  }
  return text + (map ? '}' : ']');
}

inline std::string shown_tuple(const Column& column, size_t row) {
  std::string text = "(";
  for (size_t i = 0; i < column.child_count(); ++i) {
    text += (i > 0 ? " " : "") + shown(column.child(i), row);
  }
  return text + ')';
}

inline std::string shown_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

/// Numbers in decimal, UUIDs, IPv6 addresses and FixedStrings in hexadecimal, "[1 2]" for an Array,
/// "(1 2)" for a Tuple, "{a:1 b:2}" for a Map.
inline std::string shown(const Column& column, size_t row) {
  if (column.is_null(row)) return "NULL";
  const ColumnType& type = column.type();
  const size_t width = fixed_width(type);
  const auto bytes = column.values().subspan(width * row, width);
  const auto number = [&]<class T>(T value) {
    std::memcpy(&value, bytes.data(), sizeof value);
    return fmt::format("{}", value);
  };
  switch (type.kind) {
    case ColumnKind::kString:
    case ColumnKind::kLowCardinalityString:
    case ColumnKind::kJson:
      return std::string(column.string_at(row));
    case ColumnKind::kFloat32:
      return number(float{});
    case ColumnKind::kFloat64:
      return number(double{});
    case ColumnKind::kUuid:
    case ColumnKind::kIpv6:
    case ColumnKind::kFixedString:
      return shown_bytes(bytes);
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      return shown_list(column, row);
    case ColumnKind::kTuple:
      return shown_tuple(column, row);
    case ColumnKind::kBool:
    case ColumnKind::kUInt8:
    case ColumnKind::kUInt16:
    case ColumnKind::kUInt32:
    case ColumnKind::kUInt64:
    case ColumnKind::kUInt128:
    case ColumnKind::kUInt256:
    case ColumnKind::kDate:
    case ColumnKind::kDateTime:
    case ColumnKind::kIpv4:
      return Wide256::load(bytes, /*is_signed=*/false).text(/*is_signed=*/false);
    default:
      return Wide256::load(bytes, /*is_signed=*/true).text(/*is_signed=*/true);
  }
}

}  // namespace freshet::decode::testing
