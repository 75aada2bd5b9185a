#include "sink/row_selection.h"

namespace freshet::sink {

ColumnBatch select_rows(const ColumnBatch& batch, std::span<const size_t> rows) {
  ColumnBatch selected(batch.shared_schema());
  for (size_t i = 0; i < batch.column_count(); ++i) {
    for (const size_t row : rows) selected.column(i).append_row(batch.column(i), row);
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
