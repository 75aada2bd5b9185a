#include "warehouse/native_type.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace freshet::warehouse {
namespace {

using Layout = NativeType::Layout;

constexpr int kDepthMax = 64;
constexpr size_t kPartsMax = 10'000;

constexpr std::array<std::pair<std::string_view, size_t>, 34> kWidths = {{
    {"UInt8", 1},    {"Int8", 1},       {"Bool", 1},        {"Enum8", 1},          {"Nothing", 1},
    {"UInt16", 2},   {"Int16", 2},      {"Date", 2},        {"Enum16", 2},         {"BFloat16", 2},
    {"UInt32", 4},   {"Int32", 4},      {"Float32", 4},     {"Date32", 4},         {"DateTime", 4},
    {"Time", 4},     {"IPv4", 4},       {"Decimal32", 4},   {"UInt64", 8},         {"Int64", 8},
    {"Float64", 8},  {"DateTime64", 8}, {"Time64", 8},      {"Decimal64", 8},      {"UInt128", 16},
    {"Int128", 16},  {"UUID", 16},      {"IPv6", 16},       {"Decimal128", 16},    {"Point", 16},
    {"UInt256", 32}, {"Int256", 32},    {"Decimal256", 32}, {"IntervalSecond", 8},
}};

// Geometry: how many arrays of points each is.
constexpr std::array<std::pair<std::string_view, int>, 5> kShapes = {
    {{"Ring", 1}, {"LineString", 1}, {"Polygon", 2}, {"MultiLineString", 2}, {"MultiPolygon", 3}}};

std::unexpected<Error> unsupported(std::string_view name) {
  return fail(Errc::kUnsupported, "columns of type {} are not supported yet in this form of Native",
              name);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The end of 'text' or `name` that begins at `at`.
size_t skip_quoted(std::string_view text, size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote; ++at) at += text[at] == '\\' ? 1 : 0;
  return at;
}

// Where `wanted` first stands outside of quotes and parentheses, from `at` on.
size_t find_outside(std::string_view text, char wanted, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\'' || c == '`') {
      at = skip_quoted(text, at);
    } else if (c == wanted && depth == 0) {
      return at;
    } else {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
  }
  return text.size();
}

std::vector<std::string_view> arguments_of(std::string_view text) {
  std::vector<std::string_view> arguments;
  for (size_t at = 0; at < text.size() && arguments.size() <= kPartsMax;) {
    const size_t end = find_outside(text, ',', at);
    arguments.push_back(trimmed(text.substr(at, end - at)));
    at = end + 1;
  }
  return arguments;
}

// An element of a tuple is a type, or a name and a type.
std::string_view without_name(std::string_view element) {
  const size_t space = find_outside(element, ' ', 0);
  return space == element.size() ? element : trimmed(element.substr(space));
}

size_t number(std::string_view text) {
  size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

size_t decimal_width(size_t precision) {
  return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
}

NativeType array_of(NativeType element) {
  return {.layout = Layout::kArray, .width = 0, .parts = {std::move(element)}};
}

Result<NativeType> parse_type(std::string_view name, int depth);

Result<NativeType> parse_group(Layout layout, const std::vector<std::string_view>& arguments,
                               int depth) {
  NativeType type{.layout = layout, .width = 0, .parts = {}};
  for (const std::string_view argument : arguments) {
    FRESHET_ASSIGN(NativeType part, parse_type(without_name(argument), depth + 1));
    type.parts.push_back(std::move(part));
  }
  // An empty one has a byte per row.
  if (layout == Layout::kTuple && type.parts.empty()) {
    return NativeType{.layout = Layout::kFixed, .width = 1, .parts = {}};
  }
  return type;
}

Result<NativeType> parse_type(std::string_view name, int depth) {
  if (depth > kDepthMax) return unsupported("nested more than 64 deep");
  const size_t open = std::min(name.find('('), name.size());
  const std::string_view head = name.substr(0, open);
  const bool closed = open < name.size() && name.ends_with(')');
  const auto arguments =
      arguments_of(closed ? name.substr(open + 1, name.size() - open - 2) : std::string_view());
  const auto fixed = [](size_t width) {
    return NativeType{.layout = Layout::kFixed, .width = width, .parts = {}};
  };
  const auto known = std::ranges::find(kWidths, head, [](const auto& one) { return one.first; });
  if (known != kWidths.end()) return fixed(known->second);
  if (head.starts_with("Interval")) return fixed(8);
  if (head == "String") return NativeType{.layout = Layout::kString, .width = 0, .parts = {}};
  const auto shape = std::ranges::find(kShapes, head, [](const auto& one) { return one.first; });
  if (shape != kShapes.end()) {
    NativeType type = fixed(16);
    for (int i = 0; i < shape->second; ++i) type = array_of(std::move(type));
    return type;
  }
  if (head == "Tuple") return parse_group(Layout::kTuple, arguments, depth);
  if (arguments.empty()) return unsupported(name);
  if (head == "Decimal") return fixed(decimal_width(number(arguments[0])));
  if (head == "FixedString") return fixed(number(arguments[0]));
  if (head == "Variant") return parse_group(Layout::kVariant, arguments, depth);
  if (head == "SimpleAggregateFunction") return parse_type(arguments.back(), depth + 1);
  if (head == "Map" || head == "Nested") {
    FRESHET_ASSIGN(NativeType row, parse_group(Layout::kTuple, arguments, depth));
    return array_of(std::move(row));
  }
  if (arguments.size() != 1) return unsupported(name);
  if (head == "Nullable") return parse_group(Layout::kNullable, arguments, depth);
  if (head == "Array") return parse_group(Layout::kArray, arguments, depth);
  if (head == "LowCardinality") return parse_group(Layout::kLowCardinality, arguments, depth);
  return unsupported(name);
}

}  // namespace

Result<NativeType> NativeType::parse(std::string_view name) { return parse_type(name, 0); }

bool NativeCursor::skip(uint64_t count) {
  ended_ = count > bytes_.size() - at_;
  if (!ended_) at_ += count;
  return !ended_;
}

bool NativeCursor::skip_rows(uint64_t rows, size_t width) {
  if (width != 0 && rows > std::numeric_limits<uint64_t>::max() / width) return false;
  return skip(rows * width);
}

bool NativeCursor::read(uint64_t& value) {
  const size_t from = at_;
  if (!skip(sizeof(value))) return false;
  std::memcpy(&value, bytes_.data() + from, sizeof(value));
  return true;
}

bool NativeCursor::read_varuint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (!skip(1)) return false;
    const auto byte = static_cast<uint8_t>(bytes_[at_ - 1]);
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool NativeCursor::read_string(std::string_view& text) {
  uint64_t size = 0;
  if (!read_varuint(size)) return false;
  const size_t from = at_;
  if (!skip(size)) return false;
  text = bytes_.substr(from, size);
  return true;
}

bool NativeCursor::skip_column(const NativeType& type, uint64_t rows) {
  return rows == 0 || (skip_prefix(type) && skip_values(type, rows));
}

bool NativeCursor::skip_prefix(const NativeType& type) {
  if (type.layout == Layout::kLowCardinality) return skip(sizeof(uint64_t));
  if (type.layout == Layout::kVariant) {
    uint64_t mode = 0;
    if (!read(mode) || mode != 0) return false;
  }
  return std::ranges::all_of(type.parts, [this](const auto& part) { return skip_prefix(part); });
}

bool NativeCursor::skip_values(const NativeType& type, uint64_t rows) {
  switch (type.layout) {
    case Layout::kFixed:
      return skip_rows(rows, type.width);
    case Layout::kString:
      for (uint64_t row = 0; row < rows; ++row) {
        if (std::string_view text; !read_string(text)) return false;
      }
      return true;
    case Layout::kNullable:
      return skip(rows) && skip_values(type.parts[0], rows);
    case Layout::kArray: {
      uint64_t elements = 0;
      if (rows == 0) return true;
      return skip_rows(rows - 1, sizeof(uint64_t)) && read(elements) &&
             skip_values(type.parts[0], elements);
    }
    case Layout::kTuple:
      return std::ranges::all_of(type.parts,
                                 [&](const auto& part) { return skip_values(part, rows); });
    case Layout::kLowCardinality:
      return rows == 0 || skip_low_cardinality(type, rows);
    case Layout::kVariant:
      return skip_variant(type, rows);
  }
  return false;
}

bool NativeCursor::skip_low_cardinality(const NativeType& type, uint64_t rows) {
  constexpr uint64_t kWidthMask = 3;
  constexpr uint64_t kNeedsGlobalDictionary = 1U << 8;
  constexpr uint64_t kHasKeys = 1U << 9;
  uint64_t flags = 0;
  uint64_t keys = 0;
  uint64_t indexes = 0;
  if (!read(flags)) return false;
  if ((flags & kNeedsGlobalDictionary) != 0 || (flags & kHasKeys) == 0) return false;
  const NativeType& key =
      type.parts[0].layout == Layout::kNullable ? type.parts[0].parts[0] : type.parts[0];
  return read(keys) && skip_values(key, keys) && read(indexes) && indexes == rows &&
         skip_rows(indexes, size_t{1} << (flags & kWidthMask));
}

bool NativeCursor::skip_variant(const NativeType& type, uint64_t rows) {
  const size_t from = at_;
  if (!skip(rows)) return false;
  std::array<uint64_t, 256> counts{};
  for (const char which : bytes_.substr(from, rows)) ++counts[static_cast<uint8_t>(which)];
  for (size_t i = 0; i < type.parts.size(); ++i) {
    if (!skip_values(type.parts[i], i < counts.size() - 1 ? counts[i] : 0)) return false;
  }
  return true;
}

}  // namespace freshet::warehouse
