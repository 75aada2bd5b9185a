#include "decode/json_value.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

namespace freshet::decode {
namespace {

// What ClickHouse's types hold: Date to 2149-06-06, Date32 and DateTime64 from 1900 to 2299.
constexpr int64_t kDateDaysMax = std::numeric_limits<uint16_t>::max();
constexpr int64_t kDate32DaysMin = -25'567;
constexpr int64_t kDate32DaysMax = 120'529;
constexpr int64_t kSecondsMin = kDate32DaysMin * 86'400;
static_assert((kDate32DaysMax + 1) * 86'400 - 1 == kDateTime64SecondsMax);

constexpr std::array<int64_t, 10> kPowersOfTen{
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

template <class T>
Fault append_integer(ColumnSlot& slot, std::string_view text) {
  JsonInteger integer;
  if (const Fault fault = parse_integer(text, integer); fault != Fault::kNone) return fault;
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<T>::max());
  uint64_t limit = kMax;
  if (integer.negative) limit = std::is_signed_v<T> ? kMax + 1 : 0;
  if (integer.magnitude > limit) return Fault::kOutOfRange;
  const uint64_t value = integer.negative ? -integer.magnitude : integer.magnitude;
  slot.column->append_fixed(static_cast<T>(value));
  return Fault::kNone;
}

template <class T>
Fault append_float(ColumnSlot& slot, std::string_view text) {
  T value = 0;
  if (const Fault fault = parse_float(text, value); fault != Fault::kNone) return fault;
  slot.column->append_fixed(value);
  return Fault::kNone;
}

template <class T>
Fault append_decimal(ColumnSlot& slot, std::string_view text) {
  int128 value = 0;
  const Fault fault = parse_decimal(text, slot.type.precision, slot.type.scale, value);
  if (fault == Fault::kNone) slot.column->append_fixed(static_cast<T>(value));
  return fault;
}

Fault append_number(ColumnSlot& slot, std::string_view text) {
  switch (slot.type.kind) {
    case ColumnKind::kInt8:
      return append_integer<int8_t>(slot, text);
    case ColumnKind::kInt16:
      return append_integer<int16_t>(slot, text);
    case ColumnKind::kInt32:
      return append_integer<int32_t>(slot, text);
    case ColumnKind::kInt64:
      return append_integer<int64_t>(slot, text);
    case ColumnKind::kUInt8:
      return append_integer<uint8_t>(slot, text);
    case ColumnKind::kUInt16:
      return append_integer<uint16_t>(slot, text);
    case ColumnKind::kUInt32:
      return append_integer<uint32_t>(slot, text);
    case ColumnKind::kUInt64:
      return append_integer<uint64_t>(slot, text);
    case ColumnKind::kFloat32:
      return append_float<float>(slot, text);
    case ColumnKind::kFloat64:
      return append_float<double>(slot, text);
    case ColumnKind::kDecimal32:
      return append_decimal<int32_t>(slot, text);
    case ColumnKind::kDecimal64:
      return append_decimal<int64_t>(slot, text);
    case ColumnKind::kDecimal128:
      return append_decimal<int128>(slot, text);
    default: {
      bool integral = false;
      return is_number(text, integral) ? Fault::kWrongType : Fault::kMalformed;
    }
  }
}

Fault append_date(ColumnSlot& slot, std::string_view text) {
  int64_t days = 0;
  if (const Fault fault = parse_date(text, days); fault != Fault::kNone) return fault;
  if (slot.type.kind == ColumnKind::kDate) {
    if (days < 0 || days > kDateDaysMax) return Fault::kOutOfRange;
    slot.column->append_fixed(static_cast<uint16_t>(days));
  } else {
    if (days < kDate32DaysMin || days > kDate32DaysMax) return Fault::kOutOfRange;
    slot.column->append_fixed(static_cast<int32_t>(days));
  }
  return Fault::kNone;
}

Fault append_time(ColumnSlot& slot, std::string_view text) {
  TimeParser::Instant instant;
  if (const Fault fault = slot.time.parse(text, slot.type.scale, instant); fault != Fault::kNone) {
    return fault;
  }
  if (!instant.has_zone && slot.zone_needed) return Fault::kWrongType;
  if (slot.type.kind == ColumnKind::kDateTime) {
    if (instant.seconds < 0 || instant.seconds > std::numeric_limits<uint32_t>::max()) {
      return Fault::kOutOfRange;
    }
    slot.column->append_fixed(static_cast<uint32_t>(instant.seconds));
    return Fault::kNone;
  }
  if (instant.seconds < kSecondsMin || instant.seconds > kDateTime64SecondsMax)
    return Fault::kOutOfRange;
  int64_t ticks = 0;
  if (__builtin_mul_overflow(instant.seconds, kPowersOfTen[slot.type.scale], &ticks) ||
      __builtin_add_overflow(ticks, static_cast<int64_t>(instant.fraction), &ticks)) {
    return Fault::kOutOfRange;
  }
  slot.column->append_fixed(ticks);
  return Fault::kNone;
}

/// A string for a column that is not a string column.
Fault append_from_string(ColumnSlot& slot, std::string_view body) {
  if (has_backslash(body.data(), body.size())) {
    if (const Fault fault = unescape(body, slot.scratch); fault != Fault::kNone) return fault;
    slot.scratch.reserve(slot.scratch.size() + kTextPadding);
    body = slot.scratch;
  }
  switch (slot.type.kind) {
    case ColumnKind::kDate:
    case ColumnKind::kDate32:
      return append_date(slot, body);
    case ColumnKind::kDateTime:
    case ColumnKind::kDateTime64:
      return append_time(slot, body);
    case ColumnKind::kUuid: {
      std::array<unsigned char, 16> bytes{};
      const Fault fault = parse_uuid(body, bytes.data());
      if (fault == Fault::kNone) slot.column->append_fixed(bytes);
      return fault;
    }
    default:
      return Fault::kWrongType;
  }
}

}  // namespace

ColumnSlot::ColumnSlot(const ColumnType& of) : type(of) {
  constexpr std::array<std::string_view, 7> kUtcNames{"",    "UTC",  "Etc/UTC",  "GMT",
                                                      "UCT", "Zulu", "Universal"};
  zone_needed = std::ranges::find(kUtcNames, type.timezone) == kUtcNames.end();
}

Fault misfit(const char* token, const char* next) {
  switch (*token) {
    case '"':
    case '{':
    case '[':
      return Fault::kWrongType;
    default:
      break;
  }
  const auto text = scalar_text(token, next);
  bool integral = false;
  const bool value =
      text == "true" || text == "false" || text == "null" || is_number(text, integral);
  return value ? Fault::kWrongType : Fault::kMalformed;
}

Fault append_other_value(ColumnSlot& slot, const char* token, const char* next) {
  switch (*token) {
    case '"':
      return append_from_string(slot, string_body(token, next));
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      return append_number(slot, scalar_text(token, next));
    case 'n':
      if (scalar_text(token, next) != "null") return Fault::kMalformed;
      if (!slot.type.nullable) return Fault::kNullNotAllowed;
      slot.column->append_null();
      return Fault::kNone;
    case 't':
    case 'f': {
      if (const Fault fault = misfit(token, next); fault == Fault::kMalformed) return fault;
      if (slot.type.kind != ColumnKind::kBool) return Fault::kWrongType;
      slot.column->append_fixed(static_cast<uint8_t>(*token == 't'));
      return Fault::kNone;
    }
    default:
      return misfit(token, next);
  }
}

Fault append_escaped(ColumnSlot& slot, std::string_view body) {
  const Fault fault = unescape(body, slot.scratch);
  if (fault == Fault::kNone) slot.column->append_string(slot.scratch);
  return fault;
}

}  // namespace freshet::decode
