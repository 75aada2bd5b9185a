#include "pipeline/constant_json.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/endian.h"
#include "model/wide_integer.h"
#include "pipeline/json_text.h"

namespace freshet::pipeline {
namespace {

std::string date_text(int64_t days) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  return fmt::format("{:04d}-{:02d}-{:02d}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// `ticks` of 10^-scale seconds since the epoch, as ISO text in UTC.
std::string time_text(int64_t ticks, unsigned scale) {
  int64_t per_second = 1;
  for (unsigned i = 0; i < scale; ++i) per_second *= 10;
  int64_t seconds = ticks / per_second;
  int64_t fraction = ticks % per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t of_day = seconds % 86'400;
  if (of_day < 0) {
    of_day += 86'400;
    --days;
  }
  std::string text = fmt::format("{}T{:02d}:{:02d}:{:02d}", date_text(days), of_day / 3600,
                                 of_day / 60 % 60, of_day % 60);
  if (scale > 0) fmt::format_to(std::back_inserter(text), ".{:0{}d}", fraction, scale);
  return text + 'Z';
}

/// Column `row` of whole numbers of 10^-scale.
std::string decimal_text(const Column& column, size_t row, bool is_signed) {
  const size_t width = fixed_width(column.type());
  std::string digits =
      Wide256::load(column.values().subspan(row * width, width), is_signed).text(is_signed);
  const unsigned scale = column.type().scale;
  if (scale == 0) return digits;
  const size_t sign = digits.starts_with('-') ? 1 : 0;
  if (digits.size() - sign <= scale) digits.insert(sign, scale + 1 - (digits.size() - sign), '0');
  return digits.insert(digits.size() - scale, ".");
}

std::string ipv4_text(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 0xFF, address >> 8 & 0xFF,
                     address & 0xFF);
}

/// All eight groups.
std::string ipv6_text(const std::byte* bytes) {
  std::string text;
  for (size_t i = 0; i < 16; i += 2) {
    fmt::format_to(std::back_inserter(text), "{}{:x}", i == 0 ? "" : ":",
                   load_be<uint16_t>(bytes + i));
  }
  return text;
}

std::string enum_name(const ColumnType& type, int value) {
  const auto found = std::ranges::find(type.enum_values, value, &EnumValue::value);
  FRESHET_CHECK(found != type.enum_values.end(), "{} of {}", value, to_clickhouse_type(type));
  return found->name;
}

std::string uuid_text(const std::byte* bytes) {
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(bytes[i]));
  }
  return text;
}

std::string row_json(const Column& column, size_t row);

/// A list between brackets, without the commas' spaces.
std::string list_json(const Column& column, size_t row) {
  const auto ends = column.offsets();
  const auto begin = static_cast<size_t>(ends[row]);
  const auto end = static_cast<size_t>(ends[row + 1]);
  const bool map = column.type().kind == ColumnKind::kMap;
  std::string text(1, map ? '{' : '[');
  for (size_t i = begin; i < end; ++i) {
    if (i > begin) text += ',';
    if (!map) {
      text += row_json(column.child(), i);
      continue;
    }
    const std::string key = row_json(column.child().child(0), i);
    text += key.starts_with('"') ? key : json_text(key);
    text += ':' + row_json(column.child().child(1), i);
  }
  return text + (map ? '}' : ']');
}

std::string tuple_json(const Column& column, size_t row) {
  const auto& names = column.type().part_names;
  std::string text(1, names.empty() ? '[' : '{');
  for (size_t i = 0; i < column.child_count(); ++i) {
    if (i > 0) text += ',';
    if (!names.empty()) text += json_text(names[i]) + ':';
    text += row_json(column.child(i), row);
  }
  return text + (names.empty() ? ']' : '}');
}

std::string number_json(const Column& column, size_t row) {
  switch (column.type().kind) {
    case ColumnKind::kFloat32:
      return fmt::format("{}", column.fixed<float>()[row]);
    case ColumnKind::kFloat64:
      return fmt::format("{}", column.fixed<double>()[row]);
    case ColumnKind::kUInt8:
    case ColumnKind::kUInt16:
    case ColumnKind::kUInt32:
    case ColumnKind::kUInt64:
    case ColumnKind::kUInt128:
    case ColumnKind::kUInt256:
      return decimal_text(column, row, /*is_signed=*/false);
    default:
      return decimal_text(column, row, /*is_signed=*/true);
  }
}

/// One value as JSON text that the decoder reads back to the same value.
std::string row_json(const Column& column, size_t row) {
  if (column.is_null(row)) return "null";
  const auto& type = column.type();
  switch (type.kind) {
    case ColumnKind::kString:
    case ColumnKind::kLowCardinalityString:
      return json_text(column.string_at(row));
    case ColumnKind::kJson:
      return std::string(column.string_at(row));
    case ColumnKind::kFixedString:
      return json_text(
          {reinterpret_cast<const char*>(column.values().data()) + row * type.width, type.width});
    case ColumnKind::kBool:
      return column.fixed<uint8_t>()[row] != 0 ? "true" : "false";
    case ColumnKind::kDate:
      return json_text(date_text(column.fixed<uint16_t>()[row]));
    case ColumnKind::kDate32:
      return json_text(date_text(column.fixed<int32_t>()[row]));
    case ColumnKind::kDateTime:
      return json_text(time_text(column.fixed<uint32_t>()[row], 0));
    case ColumnKind::kDateTime64:
      return json_text(time_text(column.fixed<int64_t>()[row], type.scale));
    case ColumnKind::kUuid:
      return json_text(uuid_text(column.values().data() + row * 16));
    case ColumnKind::kIpv4:
      return json_text(ipv4_text(column.fixed<uint32_t>()[row]));
    case ColumnKind::kIpv6:
      return json_text(ipv6_text(column.values().data() + row * 16));
    case ColumnKind::kEnum8:
      return json_text(enum_name(type, column.fixed<int8_t>()[row]));
    case ColumnKind::kEnum16:
      return json_text(enum_name(type, column.fixed<int16_t>()[row]));
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      return list_json(column, row);
    case ColumnKind::kTuple:
      return tuple_json(column, row);
    default:
      return number_json(column, row);
  }
}

}  // namespace

std::string constant_json(const Column& constant) {
  FRESHET_CHECK_EQ(constant.size(), 1U);
  return row_json(constant, 0);
}

}  // namespace freshet::pipeline
