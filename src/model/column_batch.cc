#include "model/column_batch.h"

#include <algorithm>
#include <utility>

namespace freshet {

Column::Column(ColumnType type) : type_(std::move(type)), width_(fixed_width(type_.kind)) {
  if (type_.kind == ColumnKind::kString) offsets_.push(int32_t{0});
}

void Column::append_zero() {
  if (type_.kind == ColumnKind::kString) {
    offsets_.push(static_cast<int32_t>(chars_.size()));
  } else {
    values_.append_zeros(width_);
  }
}

void Column::append_null() {
  FRESHET_CHECK(type_.nullable, "null for {}", to_clickhouse_type(type_));
  append_zero();
  finish_row(false);
}

void Column::append_default() {
  if (type_.nullable) {
    append_null();
  } else if (type_.kind == ColumnKind::kLowCardinalityString) {
    append_string({});
  } else {
    append_zero();
    finish_row(true);
  }
}

void Column::append_string_repeated(std::string_view value, size_t rows) {
  if (type_.kind == ColumnKind::kLowCardinalityString) {
    if (rows > 0) append_repeated(dictionary_.code_of(value), rows);
    return;
  }
  for (size_t i = 0; i < rows; ++i) append_string(value);
}

void Column::finish_rows(size_t rows) {
  if (!type_.nullable) {
    rows_ += rows;
    return;
  }
  for (size_t i = 0; i < rows; ++i) finish_row(true);
}

void Column::truncate(size_t rows) {
  if (rows >= rows_) return;
  if (type_.nullable) {
    for (size_t row = rows; row < rows_; ++row) null_count_ -= is_null(row) ? 1 : 0;
    validity_.resize((rows + 7) / 8);
    if (rows % 8 != 0) validity_.back() &= static_cast<uint8_t>((1U << (rows % 8)) - 1);
  }
  if (type_.kind == ColumnKind::kString) {
    chars_.truncate(static_cast<size_t>(offsets()[rows]));
    offsets_.truncate((rows + 1) * sizeof(int32_t));
  } else {
    values_.truncate(rows * width_);
  }
  rows_ = rows;
}

void Column::clear() {
  truncate(0);
  dictionary_.clear();
}

void Column::reserve(size_t rows, size_t chars_per_row) {
  if (type_.nullable) validity_.reserve((rows + 7) / 8);
  if (type_.kind == ColumnKind::kString) {
    offsets_.reserve((rows + 1) * sizeof(int32_t));
    chars_.reserve(rows * chars_per_row);
  } else {
    values_.reserve(rows * width_);
  }
}

ColumnBatch::ColumnBatch(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  columns_.reserve(schema_->size());
  for (const auto& field : *schema_) columns_.emplace_back(field.type);
}

size_t ColumnBatch::rows() const {
  if (columns_.empty()) return 0;
  // Not ranges::min: it returns the column itself, a copy of all its values.
  return std::ranges::min_element(columns_, {}, &Column::size)->size();
}

void ColumnBatch::truncate(size_t rows) {
  for (auto& column : columns_) column.truncate(rows);
}

void ColumnBatch::clear() {
  for (auto& column : columns_) column.clear();
}

size_t ColumnBatch::byte_size() const {
  size_t sum = 0;
  for (const auto& column : columns_) sum += column.byte_size();
  return sum;
}

}  // namespace freshet
