// The one shape that flows after decoding: columns of equal length in Arrow memory layout.
//
// Buffers of a column:
//   validity   bit i (least significant first) is 1 if row i has a value; only if the type is
//              nullable
//   values     fixed_width(type) bytes a row, little-endian; a null row holds the type's default
//   offsets    kString, kJson: rows + 1 int32, the first 0; row i is chars[offsets[i],
//   offsets[i+1])
//              kArray, kMap: rows + 1 int32; row i is the child's rows offsets[i] to offsets[i+1]
//   chars      kString, kJson: the bytes of all rows back to back, at most 2 GiB
//   codes      kLowCardinalityString: int32 index into the dictionary; a null row holds 0
//   children   kArray: the elements; kMap: tuples of key and value; kTuple: one for each element,
//              with as many rows as the tuple
//
// Thread: one writer at a time; a batch that nobody writes to may be read from any thread.
// Invariant between calls of append_*: every column of a batch that was filled row by row has
// ColumnBatch::rows() rows; truncate() is how a half-written row is taken back, children included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "model/byte_buffer.h"
#include "model/column_type.h"
#include "model/string_dictionary.h"

namespace freshet {

__extension__ typedef __int128 int128;

class Column {
 public:
  explicit Column(ColumnType type);

  [[nodiscard]] const ColumnType& type() const { return type_; }
  [[nodiscard]] size_t size() const { return rows_; }

  // Appending. The caller picks the call that fits type().kind; a mismatch is a bug and is checked
  // in debug builds. Each appends exactly one valid row.

  /// kString, kJson or kLowCardinalityString.
  void append_string(std::string_view value) {
    if (layout_ == Layout::kText) {
      chars_.append(value.data(), value.size());
      finish_string();
    } else {
      append_code(value);
    }
  }
  /// As append_string(), when ByteBuffer::kSlack bytes behind `value` can be read: faster.
  [[gnu::always_inline]] void append_string_padded(std::string_view value) {
    if (layout_ == Layout::kText) {
      chars_.append_padded(value.data(), value.size());
      finish_string();
    } else {
      append_code_padded(value);
    }
  }
  template <class T>
  void append_fixed(T value) {  // any fixed-width kind with sizeof(T) == its width
    FRESHET_DCHECK(sizeof(T) == width_, "{}", to_clickhouse_type(type_));
    values_.push(value);
    finish_row(true);
  }
  /// kFixedString, with exactly its bytes.
  void append_bytes(std::string_view value) {
    FRESHET_CHECK_EQ(value.size(), width_);
    values_.append(value.data(), value.size());
    finish_row(true);
  }
  /// kArray, kMap: one row of all that was appended to child() since the last row.
  void finish_list();
  /// kTuple: one row; each child has got a row of its own before.
  void finish_tuple();
  /// The row of a column of the same type.
  void append_row(const Column& from, size_t row);
  /// One null row; only for nullable types.
  void append_null();
  /// What ClickHouse takes where nothing is said: null for a nullable type, else "" / 0 / epoch /
  /// the lowest name of an Enum / {} / no elements / a tuple of such values.
  void append_default();

  // Many rows at once: provenance columns and constants.

  template <class T>
  void append_repeated(T value, size_t rows) {
    append_made<T>(rows, [value](size_t) { return value; });
  }
  /// Row i gets make(i), for i from 0 to rows - 1.
  template <class T, class Make>
  void append_made(size_t rows, Make make) {
    FRESHET_DCHECK(sizeof(T) == width_, "{}", to_clickhouse_type(type_));
    char* to = values_.room(rows * sizeof(T));
    for (size_t i = 0; i < rows; ++i) {
      const T value = make(i);
      std::memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
    values_.advance(rows * sizeof(T));
    finish_rows(rows);
  }
  void append_string_repeated(std::string_view value, size_t rows);

  /// Drops the rows from `rows` on. Undoes a half-written row. Strings that only dropped rows held
  /// stay in the dictionary.
  void truncate(size_t rows);
  /// Drops all rows and the dictionary, keeps the memory.
  void clear();
  void reserve(size_t rows, size_t chars_per_row = 16);

  // Parts of kArray, kMap and kTuple.
  [[nodiscard]] Column& child(size_t i = 0) { return children_[i]; }
  [[nodiscard]] const Column& child(size_t i = 0) const { return children_[i]; }
  [[nodiscard]] size_t child_count() const { return children_.size(); }

  // Reading.
  [[nodiscard]] bool is_null(size_t row) const {
    return type_.nullable && (validity_[row / 8] & (1U << (row % 8))) == 0;
  }
  [[nodiscard]] std::string_view string_at(size_t row) const {  // all string kinds
    if (type_.kind == ColumnKind::kLowCardinalityString) {
      return is_null(row) ? std::string_view() : dictionary_.value(codes()[row]);
    }
    const auto all = offsets();
    return chars_.view().substr(static_cast<size_t>(all[row]),
                                static_cast<size_t>(all[row + 1] - all[row]));
  }
  template <class T>
  [[nodiscard]] std::span<const T> fixed() const {
    FRESHET_DCHECK(sizeof(T) == width_, "{}", to_clickhouse_type(type_));
    return values_.as<T>();
  }
  [[nodiscard]] std::span<const std::byte> values() const { return values_.as<std::byte>(); }
  [[nodiscard]] std::span<const uint8_t> validity() const { return validity_; }
  [[nodiscard]] std::span<const int32_t> offsets() const { return offsets_.as<int32_t>(); }
  [[nodiscard]] std::string_view chars() const { return chars_.view(); }
  [[nodiscard]] std::span<const int32_t> codes() const {
    if (type_.kind != ColumnKind::kLowCardinalityString) return {};
    return values_.as<int32_t>();
  }
  [[nodiscard]] const StringDictionary& dictionary() const { return dictionary_; }
  [[nodiscard]] size_t null_count() const { return null_count_; }
  /// Bytes of memory in use by rows (not capacity).
  [[nodiscard]] size_t byte_size() const;

 private:
  enum class Layout : uint8_t { kText, kDictionary, kFixed, kList, kTuple };
  static Layout layout_of(ColumnKind kind);

  [[gnu::always_inline]] void finish_string() {
    FRESHET_CHECK(chars_.size() <= INT32_MAX, "a string column holds at most 2 GiB");
    offsets_.push(static_cast<int32_t>(chars_.size()));
    finish_row(true);
  }
  void append_code(std::string_view value) {
    FRESHET_DCHECK(type_.kind == ColumnKind::kLowCardinalityString, "{}",
                   to_clickhouse_type(type_));
    values_.push(dictionary_.code_of(value));
    finish_row(true);
  }
  void append_code_padded(std::string_view value) {
    FRESHET_DCHECK(type_.kind == ColumnKind::kLowCardinalityString, "{}",
                   to_clickhouse_type(type_));
    values_.push(dictionary_.code_of_padded(value));
    finish_row(true);
  }
  void append_zero();
  void copy_value(const Column& from, size_t row);
  void finish_row(bool valid) {
    if (type_.nullable) set_validity(valid);
    ++rows_;
  }
  void finish_rows(size_t rows);
  void set_validity(bool valid) {
    if (rows_ % 8 == 0) validity_.push_back(0);
    validity_.back() |= static_cast<uint8_t>(static_cast<unsigned>(valid) << (rows_ % 8));
    null_count_ += valid ? 0 : 1;
  }

  ColumnType type_;
  Layout layout_;
  size_t width_;  // fixed_width(type_)
  size_t rows_ = 0;
  size_t null_count_ = 0;
  std::vector<uint8_t> validity_;
  ByteBuffer values_;
  ByteBuffer offsets_;
  ByteBuffer chars_;
  StringDictionary dictionary_;
  std::vector<Column> children_;
};

struct Field {
  std::string name;
  ColumnType type;
  friend bool operator==(const Field&, const Field&) = default;
};

using Schema = std::vector<Field>;

class ColumnBatch {
 public:
  explicit ColumnBatch(std::shared_ptr<const Schema> schema);

  [[nodiscard]] const Schema& schema() const { return *schema_; }
  [[nodiscard]] const std::shared_ptr<const Schema>& shared_schema() const { return schema_; }
  [[nodiscard]] size_t column_count() const { return columns_.size(); }
  [[nodiscard]] Column& column(size_t i) { return columns_[i]; }
  [[nodiscard]] const Column& column(size_t i) const { return columns_[i]; }
  /// Rows of the shortest column: the number of whole rows.
  [[nodiscard]] size_t rows() const;
  void truncate(size_t rows);
  void clear();
  [[nodiscard]] size_t byte_size() const;

 private:
  std::shared_ptr<const Schema> schema_;
  std::vector<Column> columns_;
};

}  // namespace freshet
