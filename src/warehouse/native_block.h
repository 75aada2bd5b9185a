// ClickHouse's Native format: columns of one block, back to back (protocol revision 0, as
// INSERT … FORMAT Native and SELECT … FORMAT Native use it):
//
//   varuint columns, varuint rows, then per column: string name, string type, data
//   fixed width      the values, little-endian (UUID: two uint64, high half first)
//   String           varuint length, bytes, per row
//   Nullable         one byte per row (1 = null), then the values, zero where null
//   LowCardinality   uint64 version 1, uint64 flags (index width | keys follow), uint64 key count,
//                    keys, uint64 rows, indexes; for a nullable one key 0 stands for null. Nothing
//                    at all if there are no rows
//   Array, Map       uint64 end per row, then the elements (of a map: tuples of key and value)
//   Tuple            the columns of its elements, one after another
//                    The versions of all LowCardinality parts come first, in the parts' order
//   JSON             as String, LowCardinality of others as without it: the table converts
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "model/column_batch.h"

namespace freshet::warehouse {

/// Writes one block into a growing buffer, column by column. Every column must have `rows` rows.
class NativeBlockWriter {
 public:
  NativeBlockWriter(size_t columns, size_t rows, std::string& out);

  void write(std::string_view name, const Column& column);
  /// The same value in every row; costs next to nothing.
  void write_constant_low_cardinality(std::string_view name, std::string_view value);
  void write_constant_u32(std::string_view name, uint32_t value);
  void write_u64(std::string_view name, std::span<const uint64_t> values);

 private:
  void begin_column(std::string_view name, std::string_view type);
  size_t rows_;
  std::string& out_;
};

/// One whole batch as one block.
void encode_native(const ColumnBatch& batch, std::string& out);

/// Bytes that encode_native() will about need.
[[nodiscard]] size_t native_size_estimate(const ColumnBatch& batch);

struct NativeColumn {
  std::string name;
  std::string type;
  std::variant<std::vector<uint8_t>, std::vector<uint32_t>, std::vector<uint64_t>,
               std::vector<int64_t>, std::vector<std::string>>
      values;
};

struct NativeBlock {
  size_t rows = 0;
  std::vector<NativeColumn> columns;
  [[nodiscard]] const std::vector<uint64_t>& u64(size_t column) const;
  [[nodiscard]] const std::vector<std::string>& strings(size_t column) const;
};

/// Reads every block of `bytes` (UInt8, UInt32, UInt64, Int64 and String columns; kUnsupported for
/// any other: cast in the query). kCorrupt for bytes that are not Native; nothing is allocated that
/// `bytes` could not fill.
Result<std::vector<NativeBlock>> decode_native(std::string_view bytes);

/// Reads blocks that come in pieces of any size. One thread.
class NativeBlockReader {
 public:
  /// Bytes of one block at most.
  static constexpr size_t kBlockBytesMax = size_t{256} << 20;

  /// Every block that is complete now. Errors as above, and kTooLarge; after one the reader is done
  /// with.
  Result<std::vector<NativeBlock>> add(std::string_view piece);
  /// At the end of the stream: kCorrupt if it ends in the middle of a block.
  [[nodiscard]] Result<void> finish() const;

 private:
  std::string pending_;  // the beginning of a block
};

}  // namespace freshet::warehouse
