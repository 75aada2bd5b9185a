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

constexpr size_t kTypeTextMax = size_t{64} << 10;  // an Enum16 may have many names
constexpr int kTypeDepthMax = 32;
constexpr int kDateTime64ScaleMax = 9;
constexpr int kDecimalPrecisionMax = 76;
constexpr int kFixedStringMax = 1 << 20;

struct PlainType {
  std::string_view name;
  ColumnKind kind;
};

constexpr std::array kPlainTypes{
    PlainType{"String", ColumnKind::kString},   PlainType{"Bool", ColumnKind::kBool},
    PlainType{"Int8", ColumnKind::kInt8},       PlainType{"Int16", ColumnKind::kInt16},
    PlainType{"Int32", ColumnKind::kInt32},     PlainType{"Int64", ColumnKind::kInt64},
    PlainType{"Int128", ColumnKind::kInt128},   PlainType{"Int256", ColumnKind::kInt256},
    PlainType{"UInt8", ColumnKind::kUInt8},     PlainType{"UInt16", ColumnKind::kUInt16},
    PlainType{"UInt32", ColumnKind::kUInt32},   PlainType{"UInt64", ColumnKind::kUInt64},
    PlainType{"UInt128", ColumnKind::kUInt128}, PlainType{"UInt256", ColumnKind::kUInt256},
    PlainType{"Float32", ColumnKind::kFloat32}, PlainType{"Float64", ColumnKind::kFloat64},
    PlainType{"Date", ColumnKind::kDate},       PlainType{"Date32", ColumnKind::kDate32},
    PlainType{"UUID", ColumnKind::kUuid},       PlainType{"IPv4", ColumnKind::kIpv4},
    PlainType{"IPv6", ColumnKind::kIpv6},
};

// Shapes of geometry: how many Arrays of points each is.
struct Shape {
  std::string_view name;
  int arrays;
};
constexpr std::array kShapes{Shape{"Point", 0},           Shape{"Ring", 1},
                             Shape{"LineString", 1},      Shape{"Polygon", 2},
                             Shape{"MultiLineString", 2}, Shape{"MultiPolygon", 3}};

constexpr std::array<std::string_view, 21> kKnownButUnsupported{"BFloat16",
                                                                "Object",
                                                                "Variant",
                                                                "Dynamic",
                                                                "AggregateFunction",
                                                                "Geometry",
                                                                "Nothing",
                                                                "Time",
                                                                "Time64",
                                                                "IntervalNanosecond",
                                                                "IntervalSecond",
                                                                "IntervalMinute",
                                                                "IntervalHour",
                                                                "IntervalDay",
                                                                "IntervalMicrosecond",
                                                                "IntervalWeek",
                                                                "IntervalMonth",
                                                                "IntervalYear",
                                                                "IntervalQuarter",
                                                                "IntervalMillisecond",
                                                                "QBit"};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Where the quoted text that begins at `at` ends: its closing quote, or the end of `text`.
size_t closing_quote(std::string_view text, size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at, text.size());
}

/// Where `wanted` first stands outside of quotes and parentheses, from `at` on; the size of `text`
/// if nowhere, nothing if quotes or parentheses do not match up to there.
std::optional<size_t> find_outside(std::string_view text, char wanted, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\'' || c == '`') {
      at = closing_quote(text, at);
      if (at == text.size()) return std::nullopt;
    } else if (c == wanted && depth == 0) {
      return at;
    } else {
      depth += (c == '(') - (c == ')');
      if (depth < 0) return std::nullopt;
    }
  }
  return depth == 0 ? std::optional(text.size()) : std::nullopt;
}

/// "DateTime64(3, 'UTC')" in pieces; arguments are split at the top level only.
struct Spelling {
  std::string_view name;
  bool has_arguments = false;
  std::string_view inside = {};  // all arguments
  std::vector<std::string_view> arguments = {};
};

std::optional<Spelling> split(std::string_view text) {
  Spelling spelling;
  const size_t open = text.find('(');
  spelling.name = trim(text.substr(0, open));
  if (open == std::string_view::npos) return spelling;
  if (text.back() != ')') return std::nullopt;
  spelling.has_arguments = true;
  spelling.inside = text.substr(open + 1, text.size() - open - 2);
  for (size_t begin = 0; begin <= spelling.inside.size();) {
    const auto end = find_outside(spelling.inside, ',', begin);
    if (!end) return std::nullopt;
    spelling.arguments.push_back(trim(spelling.inside.substr(begin, *end - begin)));
    begin = *end + 1;
  }
  return spelling;
}

/// What stands between the quotes of 'text' or `name`, which must be all of `quoted`.
std::optional<std::string> unquote(std::string_view quoted, char quote) {
  if (quoted.size() < 2 || quoted.front() != quote ||
      closing_quote(quoted, 0) != quoted.size() - 1) {
    return std::nullopt;
  }
  constexpr std::string_view kLetters = "bfnrt0";
  constexpr std::string_view kMeanings("\b\f\n\r\t\0", 6);
  std::string text;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      text.push_back(quoted[i]);
      continue;
    }
    const char c = quoted[++i];
    const size_t letter = kLetters.find(c);
    text.push_back(letter == std::string_view::npos ? c : kMeanings[letter]);
  }
  return text;
}

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == '\\' || c == quote) out.push_back('\\');
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

bool is_word(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
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
                    : precision <= 38 ? ColumnKind::kDecimal128
                                      : ColumnKind::kDecimal256;
  return {.kind = kind,
          .scale = static_cast<uint8_t>(scale),
          .precision = static_cast<uint8_t>(precision)};
}

/// What a type stands in.
enum class Around { kNothing, kElements, kNullable, kLowCardinality };

Result<ColumnType> parse(std::string_view text, Around around, int depth);

Result<ColumnType> parse_decimal(const Spelling& type, std::string_view text) {
  const auto& arguments = type.arguments;
  if (type.name == "Decimal") {
    const auto precision = arguments.empty() ? 10 : integer(arguments[0], 1, kDecimalPrecisionMax);
    const auto scale = arguments.size() < 2 ? 0 : integer(arguments[1], 0, precision.value_or(0));
    if (precision && scale && arguments.size() <= 2) return decimal(*precision, *scale);
  } else {
    const int precision = type.name == "Decimal32"    ? 9
                          : type.name == "Decimal64"  ? 18
                          : type.name == "Decimal128" ? 38
                                                      : kDecimalPrecisionMax;
    const auto scale = arguments.size() == 1 ? integer(arguments[0], 0, precision) : std::nullopt;
    if (scale) return decimal(precision, *scale);
  }
  return fail(Errc::kInvalidArgument,
              "column type {} is not a decimal: expected Decimal(P, S) with 1 <= P <= {} and "
              "0 <= S <= P, or Decimal32(S), Decimal64(S), Decimal128(S), Decimal256(S)",
              text, kDecimalPrecisionMax);
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

Result<ColumnType> parse_fixed_string(const Spelling& type, std::string_view text) {
  const auto width =
      type.arguments.size() == 1 ? integer(type.arguments[0], 1, kFixedStringMax) : std::nullopt;
  if (width) {
    return ColumnType{.kind = ColumnKind::kFixedString, .width = static_cast<uint32_t>(*width)};
  }
  return fail(Errc::kInvalidArgument, "column type {}: expected FixedString(1..{})", text,
              kFixedStringMax);
}

Result<ColumnType> parse_enum(const Spelling& type, std::string_view text) {
  ColumnType parsed{.kind = type.name == "Enum16" ? ColumnKind::kEnum16 : ColumnKind::kEnum8};
  for (const auto argument : type.arguments) {
    const auto equals = find_outside(argument, '=', 0);
    const auto name = unquote(trim(argument.substr(0, equals.value_or(0))), '\'');
    const auto value = equals && *equals < argument.size()
                           ? integer(trim(argument.substr(*equals + 1)), INT16_MIN, INT16_MAX)
                           : std::nullopt;
    if (!name || !value) {
      return fail(Errc::kInvalidArgument,
                  "column type {} is not an Enum: expected Enum8('name' = number, ...)", text);
    }
    if (type.name == "Enum" && (*value < INT8_MIN || *value > INT8_MAX)) {
      parsed.kind = ColumnKind::kEnum16;
    }
    parsed.enum_values.push_back({.name = *name, .value = static_cast<int16_t>(*value)});
  }
  std::ranges::sort(parsed.enum_values, {}, &EnumValue::value);
  if (!parsed.enum_values.empty()) return parsed;
  return fail(Errc::kInvalidArgument, "column type {} has no names", text);
}

Result<ColumnType> parse_nullable(const Spelling& type, std::string_view text, Around around,
                                  int depth) {
  if (around == Around::kNullable) {
    return fail(Errc::kInvalidArgument, "column type {} cannot stand inside Nullable", text);
  }
  if (type.arguments.size() != 1) {
    return fail(Errc::kInvalidArgument, "column type {} needs exactly one type in parentheses",
                text);
  }
  FRESHET_ASSIGN(auto inner, parse(type.arguments[0], Around::kNullable, depth + 1));
  if (is_composite(inner.kind)) {
    return fail(Errc::kUnsupported,
                "column type {} is not supported yet: make its elements "
                "Nullable",
                text);
  }
  inner.nullable = true;
  return inner;
}

Result<ColumnType> parse_low_cardinality(const Spelling& type, std::string_view text, Around around,
                                         int depth) {
  if (around == Around::kNullable || around == Around::kLowCardinality) {
    return fail(Errc::kInvalidArgument, "column type {} cannot stand inside another type", text);
  }
  if (type.arguments.size() != 1) {
    return fail(Errc::kInvalidArgument, "column type {} needs exactly one type in parentheses",
                text);
  }
  FRESHET_ASSIGN(auto inner, parse(type.arguments[0], Around::kLowCardinality, depth + 1));
  if (is_composite(inner.kind) || inner.kind == ColumnKind::kJson) {
    return fail(Errc::kInvalidArgument, "column type {}: LowCardinality is of simple values", text);
  }
  if (inner.kind == ColumnKind::kString) {
    inner.kind = ColumnKind::kLowCardinalityString;
  } else {
    inner.low_cardinality = true;
  }
  return inner;
}

ColumnType array_of(ColumnType element) {
  ColumnType array{.kind = ColumnKind::kArray};
  array.parts.push_back(std::move(element));
  return array;
}

/// The elements of a Tuple or Nested: types, or names and types.
Result<ColumnType> parse_tuple(const Spelling& type, std::string_view text, int depth) {
  ColumnType tuple{.kind = ColumnKind::kTuple};
  for (const auto argument : type.arguments) {
    const size_t space = find_outside(argument, ' ', 0).value_or(argument.size());
    if (space < argument.size()) {
      const auto name = argument.substr(0, space);
      const auto meant = name.starts_with('`') ? unquote(name, '`') : std::string(name);
      if (!meant) {
        return fail(Errc::kInvalidArgument, "column type {}: {} is not a name", text, name);
      }
      tuple.part_names.push_back(*meant);
    }
    const auto element = space < argument.size() ? trim(argument.substr(space)) : argument;
    FRESHET_ASSIGN(auto part, parse(element, Around::kElements, depth + 1));
    tuple.parts.push_back(std::move(part));
  }
  if (!tuple.part_names.empty() && tuple.part_names.size() != tuple.parts.size()) {
    return fail(Errc::kInvalidArgument, "column type {}: either all elements have names or none",
                text);
  }
  return tuple;
}

Result<ColumnType> parse_composite(const Spelling& type, std::string_view text, int depth) {
  if (type.arguments.empty() || type.arguments.front().empty()) {
    return fail(Errc::kUnsupported, "column type {} without elements is not supported yet", text);
  }
  if (type.name == "Tuple") return parse_tuple(type, text, depth);
  if (type.name == "Nested") {
    FRESHET_ASSIGN(auto tuple, parse_tuple(type, text, depth));
    return array_of(std::move(tuple));
  }
  const size_t wanted = type.name == "Map" ? 2 : 1;
  if (type.arguments.size() != wanted) {
    return fail(Errc::kInvalidArgument, "column type {}: {} needs {} in its parentheses", text,
                type.name, wanted == 2 ? "a key and a value type" : "one type");
  }
  ColumnType parsed{.kind = type.name == "Map" ? ColumnKind::kMap : ColumnKind::kArray};
  for (const auto argument : type.arguments) {
    FRESHET_ASSIGN(auto part, parse(argument, Around::kElements, depth + 1));
    parsed.parts.push_back(std::move(part));
  }
  if (parsed.kind == ColumnKind::kMap && is_composite(parsed.parts[0].kind)) {
    return fail(Errc::kInvalidArgument, "column type {}: a key is a simple value", text);
  }
  return parsed;
}

/// Types by name, without the wrappers; nothing for a name that is not here.
std::optional<Result<ColumnType>> parse_with_arguments(const Spelling& type, std::string_view text,
                                                       int depth) {
  const auto name = type.name;
  if (name == "DateTime" || name == "DateTime64") return parse_time(type, text);
  if (name == "FixedString") return parse_fixed_string(type, text);
  if (name == "Enum" || name == "Enum8" || name == "Enum16") return parse_enum(type, text);
  if (name == "Decimal" || name == "Decimal32" || name == "Decimal64" || name == "Decimal128" ||
      name == "Decimal256") {
    return parse_decimal(type, text);
  }
  if (name == "Array" || name == "Map" || name == "Tuple" || name == "Nested") {
    return parse_composite(type, text, depth);
  }
  if (name == "JSON") {
    return ColumnType{.kind = ColumnKind::kJson, .json_arguments = std::string(trim(type.inside))};
  }
  if (name == "SimpleAggregateFunction" && type.arguments.size() == 2) {
    return parse(type.arguments.back(), Around::kElements, depth + 1);
  }
  return std::nullopt;
}

Result<ColumnType> parse(std::string_view text, Around around, int depth) {
  if (depth > kTypeDepthMax) {
    return fail(Errc::kUnsupported, "column types nested deeper than {} are not supported yet",
                kTypeDepthMax);
  }
  const auto type = split(text);
  if (!type || type->name.empty()) {
    return fail(Errc::kInvalidArgument, "\"{}\" is not a column type: parentheses do not match",
                text);
  }
  if (type->name == "Nullable") return parse_nullable(*type, text, around, depth);
  if (type->name == "LowCardinality") return parse_low_cardinality(*type, text, around, depth);
  if (auto parsed = parse_with_arguments(*type, text, depth)) return std::move(*parsed);
  const auto* plain = std::ranges::find(kPlainTypes, type->name, &PlainType::name);
  const auto* shape = std::ranges::find(kShapes, type->name, &Shape::name);
  if (type->has_arguments && (plain != kPlainTypes.end() || shape != kShapes.end())) {
    return fail(Errc::kInvalidArgument, "column type {} takes no arguments", text);
  }
  if (plain != kPlainTypes.end()) return ColumnType{.kind = plain->kind};
  if (shape != kShapes.end()) {
    ColumnType parsed{.kind = ColumnKind::kTuple};
    parsed.parts.assign(2, {.kind = ColumnKind::kFloat64});
    for (int i = 0; i < shape->arrays; ++i) parsed = array_of(std::move(parsed));
    return parsed;
  }
  if (std::ranges::find(kKnownButUnsupported, type->name) != kKnownButUnsupported.end()) {
    return fail(Errc::kUnsupported,
                "column type {} is not supported yet; docs/reference/json-types.md lists those "
                "that are",
                text);
  }
  return fail(Errc::kInvalidArgument, "\"{}\" is not a type of ClickHouse that Freshet knows",
              text);
}

std::string enum_text(const ColumnType& type) {
  std::string text = type.kind == ColumnKind::kEnum8 ? "Enum8(" : "Enum16(";
  for (const auto& [name, value] : type.enum_values) {
    if (text.back() != '(') text += ", ";
    text += fmt::format("{} = {}", in_quotes(name, '\''), value);
  }
  return text + ')';
}

std::string composite_text(const ColumnType& type) {
  std::string text = type.kind == ColumnKind::kArray   ? "Array("
                     : type.kind == ColumnKind::kTuple ? "Tuple("
                                                       : "Map(";
  for (size_t i = 0; i < type.parts.size(); ++i) {
    if (i > 0) text += ", ";
    if (!type.part_names.empty()) {
      const auto& name = type.part_names[i];
      text += (is_word(name) ? name : in_quotes(name, '`')) + ' ';
    }
    text += to_clickhouse_type(type.parts[i]);
  }
  return text + ')';
}

std::string time_text(const ColumnType& type) {
  if (type.kind == ColumnKind::kDateTime) {
    return type.timezone.empty() ? "DateTime" : fmt::format("DateTime('{}')", type.timezone);
  }
  return type.timezone.empty() ? fmt::format("DateTime64({})", type.scale)
                               : fmt::format("DateTime64({}, '{}')", type.scale, type.timezone);
}

/// Without Nullable and LowCardinality around it.
std::string bare_text(const ColumnType& type) {
  switch (type.kind) {
    case ColumnKind::kLowCardinalityString:
      return "String";
    case ColumnKind::kDateTime:
    case ColumnKind::kDateTime64:
      return time_text(type);
    case ColumnKind::kDecimal32:
    case ColumnKind::kDecimal64:
    case ColumnKind::kDecimal128:
    case ColumnKind::kDecimal256:
      return fmt::format("Decimal({}, {})", type.precision, type.scale);
    case ColumnKind::kFixedString:
      return fmt::format("FixedString({})", type.width);
    case ColumnKind::kEnum8:
    case ColumnKind::kEnum16:
      return enum_text(type);
    case ColumnKind::kJson:
      return type.json_arguments.empty() ? "JSON" : fmt::format("JSON({})", type.json_arguments);
    case ColumnKind::kArray:
    case ColumnKind::kTuple:
    case ColumnKind::kMap:
      return composite_text(type);
    default: {
      const auto* plain = std::ranges::find(kPlainTypes, type.kind, &PlainType::kind);
      FRESHET_CHECK(plain != kPlainTypes.end(), "column kind {}", static_cast<int>(type.kind));
      return std::string(plain->name);
    }
  }
}

}  // namespace

size_t fixed_width(const ColumnType& type) {
  switch (type.kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
    case ColumnKind::kArray:
    case ColumnKind::kTuple:
    case ColumnKind::kMap:
      return 0;
    case ColumnKind::kFixedString:
      return type.width;
    case ColumnKind::kBool:
    case ColumnKind::kInt8:
    case ColumnKind::kUInt8:
    case ColumnKind::kEnum8:
      return 1;
    case ColumnKind::kInt16:
    case ColumnKind::kUInt16:
    case ColumnKind::kDate:
    case ColumnKind::kEnum16:
      return 2;
    case ColumnKind::kLowCardinalityString:
    case ColumnKind::kInt32:
    case ColumnKind::kUInt32:
    case ColumnKind::kFloat32:
    case ColumnKind::kDate32:
    case ColumnKind::kDateTime:
    case ColumnKind::kDecimal32:
    case ColumnKind::kIpv4:
      return 4;
    case ColumnKind::kInt64:
    case ColumnKind::kUInt64:
    case ColumnKind::kFloat64:
    case ColumnKind::kDateTime64:
    case ColumnKind::kDecimal64:
      return 8;
    case ColumnKind::kDecimal128:
    case ColumnKind::kUuid:
    case ColumnKind::kInt128:
    case ColumnKind::kUInt128:
    case ColumnKind::kIpv6:
      return 16;
    case ColumnKind::kInt256:
    case ColumnKind::kUInt256:
    case ColumnKind::kDecimal256:
      return 32;
  }
  check_failed("column kind", std::to_string(static_cast<int>(type.kind)));
}

Result<ColumnType> parse_clickhouse_type(std::string_view text) {
  const auto type = trim(text);
  if (type.empty() || type.size() > kTypeTextMax) {
    return fail(Errc::kInvalidArgument, "a column type has 1 to {} characters, found {}",
                kTypeTextMax, type.size());
  }
  return parse(type, Around::kNothing, 0);
}

std::string to_clickhouse_type(const ColumnType& type) {
  std::string text = bare_text(type);
  if (type.nullable) text = fmt::format("Nullable({})", text);
  const bool dictionary = type.low_cardinality || type.kind == ColumnKind::kLowCardinalityString;
  return dictionary ? fmt::format("LowCardinality({})", text) : text;
}

}  // namespace freshet
