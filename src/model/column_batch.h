// The one shape that flows after decoding: columns of equal length in Arrow memory layout.
//
// Buffers of a column:
//   validity   bit i (least significant first) is 1 if row i has a value; only if the type is
//   nullable values     fixed_width(kind) bytes a row, little-endian; a null row holds zeros
//   offsets    kString: rows + 1 int32, the first 0; row i is chars[offsets[i], offsets[i+1])
//   chars      kString: the bytes of all rows back to back
//   codes      kLowCardinalityString: int32 index into the dictionary; a null row holds 0
//
// Thread: one writer at a time; a batch that nobody writes to may be read from any thread.
// Invariant between calls of append_*: every column of a batch that was filled row by row has
// ColumnBatch::rows() rows; truncate() is how a half-written row is taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "model/column_type.h"

namespace freshet {

__extension__ typedef __int128 int128;

/// Distinct strings of one low-cardinality column and their codes, in order of first appearance.
/// Looks the last answer up first, then an open-addressing table: a few ns for the usual few
/// values.
class StringDictionary {
 public:
  StringDictionary();
  /// Code of `value`, adding it if it is new. Codes are 0, 1, 2, …
  int32_t code_of(std::string_view value);
  [[nodiscard]] size_t size() const { return offsets_.size() - 1; }
  [[nodiscard]] std::string_view value(int32_t code) const;
  [[nodiscard]] std::span<const int32_t> offsets() const { return offsets_; }
  [[nodiscard]] std::string_view chars() const { return {chars_.data(), chars_.size()}; }
  /// Forgets the codes >= size; those below stay.
  void truncate(size_t size);
  void clear();

 private:
  void grow();
  std::vector<int32_t> offsets_;
  std::string chars_;
  std::vector<uint32_t> slots_;   // code + 1, 0 for empty; power of two
  std::vector<uint64_t> hashes_;  // of each value
};

class Column {
 public:
  explicit Column(ColumnType type);

  [[nodiscard]] const ColumnType& type() const { return type_; }
  [[nodiscard]] size_t size() const { return rows_; }

  // Appending. The caller picks the call that fits type().kind; a mismatch is a bug and is checked
  // in debug builds. Each appends exactly one valid row.
  void append_string(std::string_view value);  // kString or kLowCardinalityString
  template <class T>
  void append_fixed(T value) {  // any fixed-width kind with sizeof(T) == its width
    FRESHET_DCHECK(sizeof(T) == fixed_width(type_.kind), "{}", to_clickhouse_type(type_));
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    values_.insert(values_.end(), bytes, bytes + sizeof(T));
    finish_row(true);
  }
  /// One null row; only for nullable types.
  void append_null();
  /// The type's zero value ("" / 0 / epoch), or null for a nullable type.
  void append_default();

  /// Drops the rows from `rows` on. Undoes a half-written row.
  void truncate(size_t rows);
  /// Drops all rows, keeps the memory.
  void clear();
  void reserve(size_t rows, size_t chars_per_row = 16);

  // Reading.
  [[nodiscard]] bool is_null(size_t row) const {
    return type_.nullable && (validity_[row / 8] & (1U << (row % 8))) == 0;
  }
  [[nodiscard]] std::string_view string_at(size_t row) const;  // both string kinds
  template <class T>
  [[nodiscard]] std::span<const T> fixed() const {
    FRESHET_DCHECK(sizeof(T) == fixed_width(type_.kind), "{}", to_clickhouse_type(type_));
    return {reinterpret_cast<const T*>(values_.data()), rows_};
  }
  [[nodiscard]] std::span<const std::byte> values() const { return values_; }
  [[nodiscard]] std::span<const uint8_t> validity() const { return validity_; }
  [[nodiscard]] std::span<const int32_t> offsets() const { return offsets_; }
  [[nodiscard]] std::string_view chars() const { return {chars_.data(), chars_.size()}; }
  [[nodiscard]] std::span<const int32_t> codes() const {
    return {reinterpret_cast<const int32_t*>(values_.data()),
            type_.kind == ColumnKind::kLowCardinalityString ? rows_ : 0};
  }
  [[nodiscard]] const StringDictionary& dictionary() const { return dictionary_; }
  [[nodiscard]] size_t null_count() const { return null_count_; }
  /// Bytes of memory in use by rows (not capacity).
  [[nodiscard]] size_t byte_size() const;

 private:
  void finish_row(bool valid) {
    if (type_.nullable) set_validity(valid);
    ++rows_;
  }
  void set_validity(bool valid);

  ColumnType type_;
  size_t rows_ = 0;
  size_t null_count_ = 0;
  std::vector<uint8_t> validity_;
  std::vector<std::byte> values_;
  std::vector<int32_t> offsets_;
  std::string chars_;
  StringDictionary dictionary_;
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
