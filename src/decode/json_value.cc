#include "decode/json_value.h"

#include <algorithm>
#include <array>
#include <cstring>
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

template <size_t kBits>
Fault append_wide_integer(ColumnSlot& slot, std::string_view text, bool is_signed) {
  Wide256 value;
  const Fault fault = parse_wide_integer(text, kBits, is_signed, value);
  if (fault != Fault::kNone) return fault;
  std::array<char, kBits / 8> bytes;
  std::memcpy(bytes.data(), value.words.data(), bytes.size());
  slot.column->append_fixed(bytes);
  return Fault::kNone;
}

Fault append_decimal256(ColumnSlot& slot, std::string_view text) {
  Wide256 value;
  const Fault fault = parse_decimal(text, slot.type.precision, slot.type.scale, value);
  if (fault == Fault::kNone) slot.column->append_fixed(value);
  return fault;
}

template <class T>
Fault append_decimal(ColumnSlot& slot, std::string_view text) {
  int128 value = 0;
  const Fault fault = parse_decimal(text, slot.type.precision, slot.type.scale, value);
  if (fault == Fault::kNone) slot.column->append_fixed(static_cast<T>(value));
  return fault;
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

/// `fraction` is in ticks of the column.
[[gnu::always_inline]] inline Fault append_instant(ColumnSlot& slot, int64_t seconds,
                                                   int64_t fraction) {
  if (slot.type.kind == ColumnKind::kDateTime) {
    if (seconds < 0 || seconds > std::numeric_limits<uint32_t>::max()) return Fault::kOutOfRange;
    slot.column->append_fixed(static_cast<uint32_t>(seconds));
    return Fault::kNone;
  }
  if (seconds < kSecondsMin || seconds > kDateTime64SecondsMax) return Fault::kOutOfRange;
  int64_t ticks = 0;
  if (__builtin_mul_overflow(seconds, kPowersOfTen[slot.type.scale], &ticks) ||
      __builtin_add_overflow(ticks, fraction, &ticks)) {
    return Fault::kOutOfRange;
  }
  slot.column->append_fixed(ticks);
  return Fault::kNone;
}

Fault append_time(ColumnSlot& slot, std::string_view text) {
  TimeParser::Instant instant;
  if (const Fault fault = slot.time.parse(text, slot.type.scale, instant); fault != Fault::kNone) {
    return fault;
  }
  if (!instant.has_zone && slot.zone_needed) return Fault::kWrongType;
  return append_instant(slot, instant.seconds, instant.fraction);
}

/// Seconds (or what the plan says) since the epoch, with as many digits behind the point as the
/// column holds.
Fault append_epoch(ColumnSlot& slot, std::string_view text) {
  constexpr int kSecondDigitsMax = 11;  // of the year 2299; no more can be right
  int128 ticks = 0;
  const Fault fault = parse_decimal(text, kSecondDigitsMax + slot.type.scale,
                                    slot.type.scale - slot.epoch_digits, ticks);
  if (fault != Fault::kNone) return fault;
  const int64_t per_second = kPowersOfTen[slot.type.scale];
  auto seconds = static_cast<int64_t>(ticks / per_second);
  auto fraction = static_cast<int64_t>(ticks % per_second);
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  return append_instant(slot, seconds, fraction);
}

Fault append_enum(ColumnSlot& slot, std::string_view name) {
  const auto& values = slot.type.enum_values;
  const auto found = std::ranges::lower_bound(slot.enum_by_name, name, {}, [&](uint16_t index) {
    return std::string_view(values[index].name);
  });
  if (found == slot.enum_by_name.end() || values[*found].name != name) return Fault::kOutOfRange;
  if (slot.type.kind == ColumnKind::kEnum8) {
    slot.column->append_fixed(static_cast<int8_t>(values[*found].value));
  } else {
    slot.column->append_fixed(values[*found].value);
  }
  return Fault::kNone;
}

/// A text that is no number is not bad JSON, but a value of another type.
Fault as_text(Fault fault) { return fault == Fault::kMalformed ? Fault::kWrongType : fault; }

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
    case ColumnKind::kIpv4: {
      uint32_t address = 0;
      const Fault fault = parse_ipv4(body, address);
      if (fault == Fault::kNone) slot.column->append_fixed(address);
      return fault;
    }
    case ColumnKind::kIpv6: {
      std::array<unsigned char, 16> bytes{};
      const Fault fault = parse_ipv6(body, bytes.data());
      if (fault == Fault::kNone) slot.column->append_fixed(bytes);
      return fault;
    }
    case ColumnKind::kEnum8:
    case ColumnKind::kEnum16:
      return append_enum(slot, body);
    case ColumnKind::kFixedString:
      if (body.size() != slot.type.width) return Fault::kOutOfRange;
      slot.column->append_bytes(body);
      return Fault::kNone;
    case ColumnKind::kInt128:
    case ColumnKind::kInt256:
    case ColumnKind::kUInt128:
    case ColumnKind::kUInt256:
    case ColumnKind::kDecimal128:
    case ColumnKind::kDecimal256:
      return as_text(append_number(slot, body));
    default:
      return Fault::kWrongType;
  }
}

[[gnu::always_inline]] inline Fault number_into(ColumnSlot& slot, std::string_view text) {
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
    case ColumnKind::kDecimal256:
      return append_decimal256(slot, text);
    case ColumnKind::kInt128:
    case ColumnKind::kUInt128:
      return append_wide_integer<128>(slot, text, slot.type.kind == ColumnKind::kInt128);
    case ColumnKind::kInt256:
    case ColumnKind::kUInt256:
      return append_wide_integer<256>(slot, text, slot.type.kind == ColumnKind::kInt256);
    case ColumnKind::kDateTime:
    case ColumnKind::kDateTime64:
      return append_epoch(slot, text);
    default: {
      bool integral = false;
      return is_number(text, integral) ? Fault::kWrongType : Fault::kMalformed;
    }
  }
}

}  // namespace

ColumnSlot::ColumnSlot(const ColumnType& of, uint8_t epoch_digits)
    : type(of), epoch_digits(epoch_digits) {
  constexpr std::array<std::string_view, 7> kUtcNames{"",    "UTC",  "Etc/UTC",  "GMT",
                                                      "UCT", "Zulu", "Universal"};
  zone_needed = std::ranges::find(kUtcNames, type.timezone) == kUtcNames.end();
  for (size_t i = 0; i < type.enum_values.size(); ++i) {
    enum_by_name.push_back(static_cast<uint16_t>(i));
  }
  std::ranges::sort(enum_by_name, {}, [this](uint16_t index) {
    return std::string_view(type.enum_values[index].name);
  });
}

Fault append_number(ColumnSlot& slot, std::string_view text) { return number_into(slot, text); }

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
      return number_into(slot, scalar_text(token, next));
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
