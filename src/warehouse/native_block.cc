#include "warehouse/native_block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/endian.h"
#include "model/column_type.h"

namespace freshet::warehouse {
namespace {

constexpr uint64_t kKeysVersion = 1;  // shared dictionaries with additional keys
constexpr uint64_t kHasAdditionalKeys = uint64_t{1} << 9;
constexpr uint64_t kNeedUpdateDictionary = uint64_t{1} << 10;

constexpr size_t kColumnsMax = 10'000;
constexpr size_t kNameBytesMax = 64 << 10;

void append_varuint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void append_string(std::string& out, std::string_view text) {
  append_varuint(out, text.size());
  out.append(text);
}

template <class T>
void append_le(std::string& out, T value) {
  char bytes[sizeof value];
  store_le(bytes, value);
  out.append(bytes, sizeof bytes);
}

template <class T>
void append_all(std::string& out, std::span<const T> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

// Strings back to back become strings with a length each: the one layout that is not a copy of a
// whole buffer. Offsets rise, so the output size is known but for the lengths' own bytes.
void append_strings(std::string& out, std::span<const int32_t> offsets, std::string_view chars) {
  const size_t rows = offsets.size() - 1;
  constexpr size_t kVarintMax = 5;
  const size_t begin = out.size();
  size_t at = begin;
  out.resize_and_overwrite(begin + chars.size() + rows * kVarintMax, [&](char* to, size_t) {
    for (size_t row = 0; row < rows; ++row) {
      const char* from = chars.data() + offsets[row];
      const auto size = static_cast<uint32_t>(offsets[row + 1] - offsets[row]);
      uint32_t rest = size;
      while (rest >= 0x80) {
        to[at++] = static_cast<char>(rest | 0x80);
        rest >>= 7;
      }
      to[at++] = static_cast<char>(rest);
      // Short strings copy 16 bytes at a time; the room for it is there until the last rows.
      if (size <= 16 && static_cast<size_t>(offsets[row]) + 16 <= chars.size()) {
        std::memcpy(to + at, from, 16);
      } else {
        std::memcpy(to + at, from, size);
      }
      at += size;
    }
    return at;
  });
}

// Smallest index type that numbers `keys` keys: its code in the flags and its width in bytes.
struct IndexType {
  uint64_t code;
  size_t width;
};
IndexType index_type(size_t keys) {
  if (keys <= 0x100) return {0, 1};
  if (keys <= 0x10000) return {1, 2};
  return {2, 4};
}

template <class Index>
void append_indexes(std::string& out, const Column& column, int32_t shift) {
  const std::span<const int32_t> codes = column.codes();
  const bool nullable = column.null_count() > 0;
  const size_t begin = out.size();
  const size_t end = begin + codes.size() * sizeof(Index);
  out.resize_and_overwrite(end, [&](char* to, size_t) {
    char* at = to + begin;
    for (size_t row = 0; row < codes.size(); ++row, at += sizeof(Index)) {
      const bool null = nullable && column.is_null(row);
      store_le(at, static_cast<Index>(null ? 0 : codes[row] + shift));
    }
    return end;
  });
}

void append_low_cardinality(std::string& out, const Column& column) {
  if (column.size() == 0) return;
  const StringDictionary& dictionary = column.dictionary();
  // A nullable column's key 0 stands for null, whatever its bytes.
  const int32_t shift = column.type().nullable ? 1 : 0;
  const size_t keys = std::max<size_t>(dictionary.size() + static_cast<size_t>(shift), 1);
  const IndexType type = index_type(keys);
  append_le<uint64_t>(out, type.code | kHasAdditionalKeys | kNeedUpdateDictionary);
  append_le<uint64_t>(out, keys);
  if (shift == 1 || dictionary.size() == 0) append_string(out, {});
  append_strings(out, dictionary.offsets(), dictionary.chars());
  append_le<uint64_t>(out, column.size());
  switch (type.width) {
    case 1:
      append_indexes<uint8_t>(out, column, shift);
      break;
    case 2:
      append_indexes<uint16_t>(out, column, shift);
      break;
    default:
      append_indexes<uint32_t>(out, column, shift);
  }
}

void append_null_map(std::string& out, const Column& column) {
  const size_t begin = out.size();
  out.append(column.size(), '\0');
  if (column.null_count() == 0) return;
  const std::span<const uint8_t> validity = column.validity();
  for (size_t row = 0; row < column.size(); ++row) {
    out[begin + row] = (validity[row / 8] >> (row % 8) & 1U) == 0 ? '\1' : '\0';
  }
}

void append_uuids(std::string& out, std::span<const std::byte> values) {
  for (size_t at = 0; at < values.size(); at += 16) {
    append_le(out, load_be<uint64_t>(values.data() + at));
    append_le(out, load_be<uint64_t>(values.data() + at + 8));
  }
}

/// The type as the block spells it: what the table stores in another form is sent in a simple one
/// that it converts.
ColumnType as_sent(ColumnType type) {
  if (type.kind == ColumnKind::kJson) type.kind = ColumnKind::kString;
  type.low_cardinality = false;
  for (ColumnType& part : type.parts) part = as_sent(std::move(part));
  return type;
}

/// What stands before the rows of a column, for all its parts at once.
void append_prefix(std::string& out, const Column& column) {
  if (column.type().kind == ColumnKind::kLowCardinalityString) {
    append_le<uint64_t>(out, kKeysVersion);
  }
  for (size_t i = 0; i < column.child_count(); ++i) append_prefix(out, column.child(i));
}

void append_ends(std::string& out, std::span<const int32_t> offsets) {
  const size_t begin = out.size();
  const size_t end = begin + (offsets.size() - 1) * sizeof(uint64_t);
  out.resize_and_overwrite(end, [&](char* to, size_t) {
    char* at = to + begin;
    for (const int32_t offset : offsets.subspan(1)) {
      store_le(at, static_cast<uint64_t>(offset));
      at += sizeof(uint64_t);
    }
    return end;
  });
}

void append_rows(std::string& out, const Column& column) {
  const ColumnKind kind = column.type().kind;
  if (kind == ColumnKind::kLowCardinalityString) return append_low_cardinality(out, column);
  if (column.type().nullable) append_null_map(out, column);
  switch (kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
      return append_strings(out, column.offsets(), column.chars());
    case ColumnKind::kUuid:
      return append_uuids(out, column.values());
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      append_ends(out, column.offsets());
      [[fallthrough]];
    case ColumnKind::kTuple:
      for (size_t i = 0; i < column.child_count(); ++i) append_rows(out, column.child(i));
      return;
    default:
      append_all(out, column.values());
  }
}

size_t column_size_estimate(const Column& column) {
  size_t size = 32 + column.size();  // keys' header; null map
  switch (column.type().kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
      size += column.chars().size() + 5 * column.size();  // what append_strings sets aside
      break;
    case ColumnKind::kLowCardinalityString:
      size +=
          column.dictionary().chars().size() + 5 * column.dictionary().size() + 4 * column.size();
      break;
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      size += sizeof(uint64_t) * column.size();
      break;
    default:
      size += column.values().size();
  }
  for (size_t i = 0; i < column.child_count(); ++i) size += column_size_estimate(column.child(i));
  return size;
}

// Reads Native bytes; every length is checked against what is left before anything is allocated.
class NativeReader {
 public:
  explicit NativeReader(std::string_view bytes) : all_(bytes), rest_(bytes) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  Result<uint64_t> varuint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return truncated("a length");
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return fail(Errc::kCorrupt, "Native block: byte {}: a length of more than 64 bits", position());
  }

  Result<std::string> string(size_t bytes_max) {
    FRESHET_ASSIGN(const uint64_t size, varuint());
    if (size > rest_.size()) return truncated("a string");
    if (size > bytes_max) {
      return fail(Errc::kTooLarge, "Native block: byte {}: a string of {} bytes, at most {} fit",
                  position(), size, bytes_max);
    }
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }

  template <class T>
  Result<std::vector<T>> fixed(size_t rows) {
    if (rows > rest_.size() / sizeof(T)) return truncated("a column");
    std::vector<T> values(rows);
    if (rows > 0) std::memcpy(values.data(), rest_.data(), rows * sizeof(T));
    rest_.remove_prefix(rows * sizeof(T));
    return values;
  }

  Result<std::vector<std::string>> strings(size_t rows) {
    if (rows > rest_.size()) return truncated("a column");  // each row has at least its length
    std::vector<std::string> values;
    values.reserve(rows);
    for (size_t row = 0; row < rows; ++row) {
      FRESHET_ASSIGN(std::string value, string(rest_.size()));
      values.push_back(std::move(value));
    }
    return values;
  }

  [[nodiscard]] size_t position() const { return all_.size() - rest_.size(); }
  /// The last error said that more bytes were needed.
  [[nodiscard]] bool ran_out() const { return ran_out_; }

 private:
  [[nodiscard]] std::unexpected<Error> truncated(std::string_view what) {
    ran_out_ = true;
    return fail(Errc::kCorrupt, "Native block: byte {}: the bytes end inside {}", position(), what);
  }
  std::string_view all_;
  std::string_view rest_;
  bool ran_out_ = false;
};

Result<NativeColumn> read_column(NativeReader& reader, size_t rows) {
  NativeColumn column;
  FRESHET_ASSIGN(column.name, reader.string(kNameBytesMax));
  FRESHET_ASSIGN(column.type, reader.string(kNameBytesMax));
  if (column.type == "UInt64") {
    FRESHET_ASSIGN(column.values, reader.fixed<uint64_t>(rows));
  } else if (column.type == "Int64") {
    FRESHET_ASSIGN(column.values, reader.fixed<int64_t>(rows));
  } else if (column.type == "UInt32") {
    FRESHET_ASSIGN(column.values, reader.fixed<uint32_t>(rows));
  } else if (column.type == "UInt8" || column.type == "Bool") {
    FRESHET_ASSIGN(column.values, reader.fixed<uint8_t>(rows));
  } else if (column.type == "String") {
    FRESHET_ASSIGN(column.values, reader.strings(rows));
  } else {
    return fail(Errc::kUnsupported, "Native block: column {} has type {}: cast it in the query",
                column.name, column.type);
  }
  return column;
}

Result<NativeBlock> read_block(NativeReader& reader) {
  NativeBlock block;
  FRESHET_ASSIGN(const uint64_t columns, reader.varuint());
  FRESHET_ASSIGN(block.rows, reader.varuint());
  if (columns > kColumnsMax) {
    return fail(Errc::kTooLarge, "Native block: {} columns, at most {} are read", columns,
                kColumnsMax);
  }
  for (uint64_t i = 0; i < columns; ++i) {
    FRESHET_ASSIGN(NativeColumn column, read_column(reader, block.rows));
    block.columns.push_back(std::move(column));
  }
  return block;
}

}  // namespace

NativeBlockWriter::NativeBlockWriter(size_t columns, size_t rows, std::string& out)
    : rows_(rows), out_(out) {
  append_varuint(out_, columns);
  append_varuint(out_, rows);
}

void NativeBlockWriter::begin_column(std::string_view name, std::string_view type) {
  append_string(out_, name);
  append_string(out_, type);
}

void NativeBlockWriter::write(std::string_view name, const Column& column) {
  FRESHET_CHECK_EQ(column.size(), rows_);
  begin_column(name, to_clickhouse_type(as_sent(column.type())));
  if (rows_ == 0) return;
  append_prefix(out_, column);
  append_rows(out_, column);
}

void NativeBlockWriter::write_constant_low_cardinality(std::string_view name,
                                                       std::string_view value) {
  begin_column(name, "LowCardinality(String)");
  if (rows_ == 0) return;
  append_le<uint64_t>(out_, kKeysVersion);
  append_le<uint64_t>(out_, kHasAdditionalKeys | kNeedUpdateDictionary);
  append_le<uint64_t>(out_, 1);
  append_string(out_, value);
  append_le<uint64_t>(out_, rows_);
  out_.append(rows_, '\0');
}

void NativeBlockWriter::write_constant_u32(std::string_view name, uint32_t value) {
  begin_column(name, "UInt32");
  const size_t begin = out_.size();
  const size_t end = begin + rows_ * sizeof value;
  out_.resize_and_overwrite(end, [&](char* to, size_t) {
    for (size_t at = begin; at < end; at += sizeof value) store_le(to + at, value);
    return end;
  });
}

void NativeBlockWriter::write_u64(std::string_view name, std::span<const uint64_t> values) {
  FRESHET_CHECK_EQ(values.size(), rows_);
  begin_column(name, "UInt64");
  append_all(out_, values);
}

void encode_native(const ColumnBatch& batch, std::string& out) {
  NativeBlockWriter writer(batch.column_count(), batch.rows(), out);
  for (size_t i = 0; i < batch.column_count(); ++i) {
    writer.write(batch.schema()[i].name, batch.column(i));
  }
}

size_t native_size_estimate(const ColumnBatch& batch) {
  size_t size = 64;
  for (size_t i = 0; i < batch.column_count(); ++i) {
    const std::string type = to_clickhouse_type(batch.schema()[i].type);
    size += 96 + batch.schema()[i].name.size() + type.size();
    size += column_size_estimate(batch.column(i));
  }
  return size;
}

const std::vector<uint64_t>& NativeBlock::u64(size_t column) const {
  FRESHET_CHECK_LT(column, columns.size());
  const auto* values = std::get_if<std::vector<uint64_t>>(&columns[column].values);
  FRESHET_CHECK(values != nullptr, "column {} is {}", columns[column].name, columns[column].type);
  return *values;
}

const std::vector<std::string>& NativeBlock::strings(size_t column) const {
  FRESHET_CHECK_LT(column, columns.size());
  const auto* values = std::get_if<std::vector<std::string>>(&columns[column].values);
  FRESHET_CHECK(values != nullptr, "column {} is {}", columns[column].name, columns[column].type);
  return *values;
}

Result<std::vector<NativeBlock>> decode_native(std::string_view bytes) {
  NativeReader reader(bytes);
  std::vector<NativeBlock> blocks;
  while (!reader.at_end()) {
    FRESHET_ASSIGN(NativeBlock block, read_block(reader));
    if (!block.columns.empty()) blocks.push_back(std::move(block));
  }
  return blocks;
}

Result<std::vector<NativeBlock>> NativeBlockReader::add(std::string_view piece) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::move(pending_);
    joined += piece;
    piece = joined;
  }
  std::vector<NativeBlock> blocks;
  while (!piece.empty()) {
    NativeReader reader(piece);
    auto block = read_block(reader);
    if (!block) {
      if (!reader.ran_out()) return std::unexpected(std::move(block).error());
      if (piece.size() > kBlockBytesMax) {
        return fail(Errc::kTooLarge, "Native block: more than {} bytes", kBlockBytesMax);
      }
      break;
    }
    if (!block->columns.empty()) blocks.push_back(std::move(*block));
    piece.remove_prefix(reader.position());
  }
  pending_ = std::string(piece);
  return blocks;
}

Result<void> NativeBlockReader::finish() const {
  if (pending_.empty()) return {};
  return fail(Errc::kCorrupt, "Native block: the bytes end inside a block");
}

}  // namespace freshet::warehouse
