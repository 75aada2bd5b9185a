#include "model/column_batch.h"

#include <algorithm>
#include <utility>

namespace freshet {

Column::Layout Column::layout_of(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
      return Layout::kText;
    case ColumnKind::kLowCardinalityString:
      return Layout::kDictionary;
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      return Layout::kList;
    case ColumnKind::kTuple:
      return Layout::kTuple;
    default:
      return Layout::kFixed;
  }
}

Column::Column(ColumnType type)
    : type_(std::move(type)), layout_(layout_of(type_.kind)), width_(fixed_width(type_)) {
  if (layout_ == Layout::kText || layout_ == Layout::kList) offsets_.push(int32_t{0});
  if (type_.kind == ColumnKind::kMap) {
    children_.emplace_back(ColumnType{
        .kind = ColumnKind::kTuple, .parts = type_.parts, .part_names = {"key", "value"}});
  } else {
    children_.reserve(type_.parts.size());
    for (const ColumnType& part : type_.parts) children_.emplace_back(part);
  }
}

void Column::append_zero() {
  switch (layout_) {
    case Layout::kText:
      if (type_.kind == ColumnKind::kJson) chars_.append("{}", 2);
      offsets_.push(static_cast<int32_t>(chars_.size()));
      return;
    case Layout::kList:
      offsets_.push(static_cast<int32_t>(children_[0].size()));
      return;
    case Layout::kTuple:
      for (Column& child : children_) child.append_default();
      return;
    case Layout::kDictionary:
    case Layout::kFixed:
      break;
  }
  if (type_.kind == ColumnKind::kEnum8) {
    values_.push(static_cast<int8_t>(type_.enum_values.front().value));
  } else if (type_.kind == ColumnKind::kEnum16) {
    values_.push(type_.enum_values.front().value);
  } else {
    values_.append_zeros(width_);
  }
}

void Column::finish_list() {
  FRESHET_DCHECK(layout_ == Layout::kList, "{}", to_clickhouse_type(type_));
  const size_t end = children_[0].size();
  FRESHET_CHECK(end <= INT32_MAX, "an array column holds at most 2^31 elements");
  offsets_.push(static_cast<int32_t>(end));
  finish_row(true);
}

void Column::finish_tuple() {
  FRESHET_DCHECK(layout_ == Layout::kTuple, "{}", to_clickhouse_type(type_));
  finish_row(true);
  for (const Column& child : children_) FRESHET_CHECK_EQ(child.size(), rows_);
}

void Column::append_row(const Column& from, size_t row) {
  FRESHET_DCHECK(type_ == from.type_, "{} from {}", to_clickhouse_type(type_),
                 to_clickhouse_type(from.type_));
  if (from.is_null(row)) {
    append_null();
  } else {
    copy_value(from, row);
  }
}

void Column::copy_value(const Column& from, size_t row) {
  switch (layout_) {
    case Layout::kText:
    case Layout::kDictionary:
      append_string(from.string_at(row));
      return;
    case Layout::kFixed:
      values_.append(from.values().data() + row * width_, width_);
      finish_row(true);
      return;
    case Layout::kList: {
      const auto ends = from.offsets();
      for (auto i = static_cast<size_t>(ends[row]); i < static_cast<size_t>(ends[row + 1]); ++i) {
        children_[0].append_row(from.children_[0], i);
      }
      return finish_list();
    }
    case Layout::kTuple:
      for (size_t i = 0; i < children_.size(); ++i) {
        children_[i].append_row(from.children_[i], row);
      }
      return finish_tuple();
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
  // Of a row that was never finished the children may have parts.
  if (layout_ == Layout::kList) {
    children_[0].truncate(static_cast<size_t>(offsets()[std::min(rows, rows_)]));
  } else if (layout_ == Layout::kTuple) {
    for (Column& child : children_) child.truncate(std::min(rows, rows_));
  }
  if (rows >= rows_) return;
  if (type_.nullable) {
    for (size_t row = rows; row < rows_; ++row) null_count_ -= is_null(row) ? 1 : 0;
    validity_.resize((rows + 7) / 8);
    if (rows % 8 != 0) validity_.back() &= static_cast<uint8_t>((1U << (rows % 8)) - 1);
  }
  if (layout_ == Layout::kText) {
    chars_.truncate(static_cast<size_t>(offsets()[rows]));
  } else {
    values_.truncate(rows * width_);
  }
  if (!offsets_.empty()) offsets_.truncate((rows + 1) * sizeof(int32_t));
  rows_ = rows;
}

void Column::clear() {
  truncate(0);
  dictionary_.clear();
  for (Column& child : children_) child.clear();
}

void Column::reserve(size_t rows, size_t chars_per_row) {
  if (type_.nullable) validity_.reserve((rows + 7) / 8);
  if (!offsets_.empty()) offsets_.reserve((rows + 1) * sizeof(int32_t));
  if (layout_ == Layout::kText) {
    chars_.reserve(rows * chars_per_row);
  } else {
    values_.reserve(rows * width_);
  }
  for (Column& child : children_) child.reserve(rows, chars_per_row);
}

size_t Column::byte_size() const {
  size_t sum = values_.size() + chars_.size() + offsets_.size() + validity_.size() +
               dictionary_.chars().size() + dictionary_.offsets().size_bytes();
  for (const Column& child : children_) sum += child.byte_size();
  return sum;
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
