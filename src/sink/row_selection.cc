#include "sink/row_selection.h"

#include <array>
#include <cstring>

namespace freshet::sink {
namespace {

template <class T>
void copy_fixed(const Column& from, std::span<const size_t> rows, Column& to) {
  for (const size_t row : rows) {
    if (from.is_null(row)) {
      to.append_null();
      continue;
    }
    T value;
    std::memcpy(&value, from.values().data() + row * sizeof(T), sizeof(T));
    to.append_fixed(value);
  }
}

void copy_rows(const Column& from, std::span<const size_t> rows, Column& to) {
  const ColumnKind kind = from.type().kind;
  if (kind == ColumnKind::kString || kind == ColumnKind::kLowCardinalityString) {
    for (const size_t row : rows) {
      if (from.is_null(row)) {
        to.append_null();
      } else {
        to.append_string(from.string_at(row));
      }
    }
    return;
  }
  switch (fixed_width(kind)) {
    case 1:
      return copy_fixed<uint8_t>(from, rows, to);
    case 2:
      return copy_fixed<uint16_t>(from, rows, to);
    case 4:
      return copy_fixed<uint32_t>(from, rows, to);
    case 8:
      return copy_fixed<uint64_t>(from, rows, to);
    default:
      return copy_fixed<std::array<std::byte, 16>>(from, rows, to);
  }
}

}  // namespace

ColumnBatch select_rows(const ColumnBatch& batch, std::span<const size_t> rows) {
  ColumnBatch selected(batch.shared_schema());
  for (size_t i = 0; i < batch.column_count(); ++i) {
    copy_rows(batch.column(i), rows, selected.column(i));
  }
  return selected;
}

std::vector<Offset> select_offsets(std::span<const Offset> offsets, std::span<const size_t> rows) {
  std::vector<Offset> selected;
  selected.reserve(rows.size());
  for (const size_t row : rows) selected.push_back(offsets[row]);
  return selected;
}

}  // namespace freshet::sink
