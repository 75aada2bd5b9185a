#include "model/column_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/check.h"

namespace freshet {
namespace {

constexpr size_t kTypeTextMax = 512;
constexpr int kDateTime64ScaleMax = 9;

struct PlainType {
  std::string_view name;
  ColumnKind kind;
};

constexpr std::array kPlainTypes{
    PlainType{"String", ColumnKind::kString},   PlainType{"Bool", ColumnKind::kBool},
    PlainType{"Int8", ColumnKind::kInt8},       PlainType{"Int16", ColumnKind::kInt16},
    PlainType{"Int32", ColumnKind::kInt32},     PlainType{"Int64", ColumnKind::kInt64},
    PlainType{"UInt8", ColumnKind::kUInt8},     PlainType{"UInt16", ColumnKind::kUInt16},
    PlainType{"UInt32", ColumnKind::kUInt32},   PlainType{"UInt64", ColumnKind::kUInt64},
    PlainType{"Float32", ColumnKind::kFloat32}, PlainType{"Float64", ColumnKind::kFloat64},
    PlainType{"Date", ColumnKind::kDate},       PlainType{"Date32", ColumnKind::kDate32},
    PlainType{"UUID", ColumnKind::kUuid},
};

constexpr std::array<std::string_view, 37> kKnownButUnsupported{"FixedString",
                                                                "Int128",
                                                                "Int256",
                                                                "UInt128",
                                                                "UInt256",
                                                                "BFloat16",
                                                                "Decimal256",
                                                                "Enum",
                                                                "Enum8",
                                                                "Enum16",
                                                                "Array",
                                                                "Map",
                                                                "Tuple",
                                                                "Nested",
                                                                "JSON",
                                                                "Object",
                                                                "Variant",
                                                                "Dynamic",
                                                                "IPv4",
                                                                "IPv6",
                                                                "AggregateFunction",
                                                                "SimpleAggregateFunction",
                                                                "Point",
                                                                "Ring",
                                                                "LineString",
                                                                "MultiLineString",
                                                                "Polygon",
                                                                "MultiPolygon",
                                                                "Geometry",
                                                                "Nothing",
                                                                "Time",
                                                                "Time64",
                                                                "IntervalSecond",
                                                                "IntervalMinute",
                                                                "IntervalHour",
                                                                "IntervalDay",
                                                                "QBit"};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// "DateTime64(3, 'UTC')" in pieces; arguments are split at the top level only.
struct Spelling {
  std::string_view name;
  bool has_arguments = false;
  std::vector<std::string_view> arguments;
};

std::optional<Spelling> split(std::string_view text) {
  Spelling spelling;
  const size_t open = text.find('(');
  spelling.name = trim(text.substr(0, open));
  if (open == std::string_view::npos) return spelling;
  if (text.back() != ')') return std::nullopt;
  spelling.has_arguments = true;
  const auto inside = text.substr(open + 1, text.size() - open - 2);
  int depth = 0;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (c == '\'') quoted = !quoted;
    if (quoted) continue;
    depth += (c == '(') - (c == ')');
    if (depth < 0) return std::nullopt;
    if (c == ',' && depth == 0) {
      spelling.arguments.push_back(trim(inside.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (depth != 0 || quoted) return std::nullopt;
  spelling.arguments.push_back(trim(inside.substr(begin)));
  return spelling;
}

std::optional<int> integer(std::string_view text, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < low || value > high) return std::nullopt;
  return value;
}

std::optional<std::string> timezone(std::string_view text) {
  if (text.size() < 3 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
  const auto name = text.substr(1, text.size() - 2);
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '/' || c == '+' || c == '-';
  };
  if (!std::ranges::all_of(name, fits)) return std::nullopt;
  return std::string(name);
}

ColumnType decimal(int precision, int scale) {
  const auto kind = precision <= 9    ? ColumnKind::kDecimal32
                    : precision <= 18 ? ColumnKind::kDecimal64
                                      : ColumnKind::kDecimal128;
  return {.kind = kind,
          .scale = static_cast<uint8_t>(scale),
          .precision = static_cast<uint8_t>(precision)};
}

Result<ColumnType> parse(std::string_view text, bool nested);

Result<ColumnType> parse_decimal(const Spelling& type, std::string_view text) {
  const auto& arguments = type.arguments;
  if (type.name == "Decimal") {
    const auto precision = arguments.empty() ? 10 : integer(arguments[0], 1, 76);
    if (precision && *precision > 38) {
      return fail(Errc::kUnsupported,
                  "column type {} is not supported yet: precision is at most 38", text);
    }
    const auto scale = arguments.size() < 2 ? 0 : integer(arguments[1], 0, precision.value_or(0));
    if (precision && scale && arguments.size() <= 2) return decimal(*precision, *scale);
  } else {
    const int precision = type.name == "Decimal32" ? 9 : type.name == "Decimal64" ? 18 : 38;
    const auto scale = arguments.size() == 1 ? integer(arguments[0], 0, precision) : std::nullopt;
    if (scale) return decimal(precision, *scale);
  }
  return fail(Errc::kInvalidArgument,
              "column type {} is not a decimal: expected Decimal(P, S) with 1 <= P <= 38 and "
              "0 <= S <= P, or Decimal32(S), Decimal64(S), Decimal128(S)",
              text);
}

Result<ColumnType> parse_time(const Spelling& type, std::string_view text) {
  ColumnType parsed{.kind = ColumnKind::kDateTime};
  size_t at = 0;
  bool good = true;
  if (type.name == "DateTime64") {
    parsed.kind = ColumnKind::kDateTime64;
    parsed.scale = 3;
    if (type.has_arguments) {
      const auto scale = integer(type.arguments[at++], 0, kDateTime64ScaleMax);
      good = scale.has_value();
      parsed.scale = static_cast<uint8_t>(scale.value_or(0));
    }
  }
  if (good && at < type.arguments.size()) {
    const auto zone = timezone(type.arguments[at++]);
    good = zone.has_value();
    parsed.timezone = zone.value_or("");
  }
  if (good && at == type.arguments.size()) return parsed;
  return fail(Errc::kInvalidArgument,
              "column type {} is not a time: expected DateTime, DateTime('zone'), DateTime64(0..9) "
              "or DateTime64(0..9, 'zone')",
              text);
}

Result<ColumnType> parse_wrapped(const Spelling& type, std::string_view text, bool nested) {
  if (nested && type.name != "Nullable") {
    return fail(Errc::kInvalidArgument, "column type {} cannot stand inside another type", text);
  }
  if (type.arguments.size() != 1) {
    return fail(Errc::kInvalidArgument, "column type {} needs exactly one type in parentheses",
                text);
  }
  FRESHET_ASSIGN(auto inner, parse(type.arguments[0], /*nested=*/true));
  if (type.name == "LowCardinality") {
    if (inner.kind != ColumnKind::kString) {
      return fail(Errc::kUnsupported,
                  "column type {} is not supported yet; LowCardinality(String) and "
                  "LowCardinality(Nullable(String)) are",
                  text);
    }
    inner.kind = ColumnKind::kLowCardinalityString;
    return inner;
  }
  if (inner.nullable) {
    return fail(Errc::kInvalidArgument, "column type {} is Nullable twice", text);
  }
  inner.nullable = true;
  return inner;
}

Result<ColumnType> parse(std::string_view text, bool nested) {
  const auto type = split(text);
  if (!type || type->name.empty()) {
    return fail(Errc::kInvalidArgument, "\"{}\" is not a column type: parentheses do not match",
                text);
  }
  const auto name = type->name;
  if (name == "Nullable" || name == "LowCardinality") return parse_wrapped(*type, text, nested);
  if (name == "DateTime" || name == "DateTime64") return parse_time(*type, text);
  if (name == "Decimal" || name == "Decimal32" || name == "Decimal64" || name == "Decimal128") {
    return parse_decimal(*type, text);
  }
  if (const auto* plain = std::ranges::find(kPlainTypes, name, &PlainType::name);
      plain != kPlainTypes.end()) {
    if (type->has_arguments) {
      return fail(Errc::kInvalidArgument, "column type {} takes no arguments", text);
    }
    return ColumnType{.kind = plain->kind};
  }
  if (std::ranges::find(kKnownButUnsupported, name) != kKnownButUnsupported.end()) {
    return fail(Errc::kUnsupported,
                "column type {} is not supported yet; use String, a number, Bool, Decimal, a date "
                "or time, UUID, or LowCardinality(String)",
                text);
  }
  return fail(Errc::kInvalidArgument, "\"{}\" is not a type of ClickHouse that Freshet knows",
              text);
}

}  // namespace

size_t fixed_width(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kString:
      return 0;
    case ColumnKind::kBool:
    case ColumnKind::kInt8:
    case ColumnKind::kUInt8:
      return 1;
    case ColumnKind::kInt16:
    case ColumnKind::kUInt16:
    case ColumnKind::kDate:
      return 2;
    case ColumnKind::kLowCardinalityString:
    case ColumnKind::kInt32:
    case ColumnKind::kUInt32:
    case ColumnKind::kFloat32:
    case ColumnKind::kDate32:
    case ColumnKind::kDateTime:
    case ColumnKind::kDecimal32:
      return 4;
    case ColumnKind::kInt64:
    case ColumnKind::kUInt64:
    case ColumnKind::kFloat64:
    case ColumnKind::kDateTime64:
    case ColumnKind::kDecimal64:
      return 8;
    case ColumnKind::kDecimal128:
    case ColumnKind::kUuid:
      return 16;
  }
  check_failed("column kind", std::to_string(static_cast<int>(kind)));
}

Result<ColumnType> parse_clickhouse_type(std::string_view text) {
  const auto type = trim(text);
  if (type.empty() || type.size() > kTypeTextMax) {
    return fail(Errc::kInvalidArgument, "a column type has 1 to {} characters, found {}",
                kTypeTextMax, type.size());
  }
  return parse(type, /*nested=*/false);
}

std::string to_clickhouse_type(const ColumnType& type) {
  std::string text;
  switch (type.kind) {
    case ColumnKind::kLowCardinalityString:
      return type.nullable ? "LowCardinality(Nullable(String))" : "LowCardinality(String)";
    case ColumnKind::kDateTime:
      text = type.timezone.empty() ? "DateTime" : fmt::format("DateTime('{}')", type.timezone);
      break;
    case ColumnKind::kDateTime64:
      text = type.timezone.empty() ? fmt::format("DateTime64({})", type.scale)
                                   : fmt::format("DateTime64({}, '{}')", type.scale, type.timezone);
      break;
    case ColumnKind::kDecimal32:
    case ColumnKind::kDecimal64:
    case ColumnKind::kDecimal128:
      text = fmt::format("Decimal({}, {})", type.precision, type.scale);
      break;
    default: {
      const auto* plain = std::ranges::find(kPlainTypes, type.kind, &PlainType::kind);
      FRESHET_CHECK(plain != kPlainTypes.end(), "column kind {}", static_cast<int>(type.kind));
      text = plain->name;
    }
  }
  return type.nullable ? fmt::format("Nullable({})", text) : text;
}

}  // namespace freshet
