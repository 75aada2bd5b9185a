// How the values of a ClickHouse type lie in a Native block, so far that their end can be found.
//
//   column = prefix, then rows         nothing at all if there are no rows
//   prefix   of the type and then of its parts, in their order: LowCardinality 8 bytes of version,
//            Variant 8 bytes of mode
//   rows     fixed width: rows * width; String: length and bytes, per row
//            Nullable: one byte per row, then the values; Array, Map: uint64 end per row, then the
//            elements; Tuple: its elements, one after another
//            LowCardinality: uint64 flags, uint64 key count, keys, uint64 rows, indexes
//            Variant: one byte per row (255 = null), then each type's values
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::warehouse {

struct NativeType {
  enum class Layout { kFixed, kString, kNullable, kArray, kTuple, kLowCardinality, kVariant };
  Layout layout = Layout::kFixed;
  size_t width = 0;               // kFixed
  std::vector<NativeType> parts;  // of kNullable, kArray and kLowCardinality exactly one

  /// By the name that stands in a block, such as "Map(String, Array(UInt8))". kUnsupported for
  /// types whose values describe themselves (JSON, Dynamic, AggregateFunction) or that are unknown.
  static Result<NativeType> parse(std::string_view name);
};

/// Bytes that are read from their start; more may come later.
class NativeCursor {
 public:
  explicit NativeCursor(std::string_view bytes) : bytes_(bytes) {}

  /// False when the bytes end before: ended() is true then, or the bytes are corrupt.
  bool skip(uint64_t count);
  bool skip_rows(uint64_t rows, size_t width);
  bool read(uint64_t& value);  // 8 bytes, little-endian
  bool read_varuint(uint64_t& value);
  bool read_string(std::string_view& text);
  bool skip_column(const NativeType& type, uint64_t rows);

  [[nodiscard]] size_t position() const { return at_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  bool skip_prefix(const NativeType& type);
  bool skip_values(const NativeType& type, uint64_t rows);
  bool skip_low_cardinality(const NativeType& type, uint64_t rows);
  bool skip_variant(const NativeType& type, uint64_t rows);
  [[nodiscard]] std::string_view rest() const { return bytes_.substr(at_); }

  std::string_view bytes_;
  size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace freshet::warehouse
