// One value in ClickHouse's RowBinary format as a row of a column: how the DEFAULT of a column is
// read once it has been computed.
//
//   Nullable         one byte (1 = null), then the value
//   fixed width      the value, little-endian (UUID: two uint64, high half first)
//   String, JSON     varuint length, bytes (JSON with output_format_binary_write_json_as_string)
//   Array, Map       varuint count, elements (of a map: key, value)
//   Tuple            its elements
#pragma once

#include <string_view>

#include "base/error.h"
#include "model/column_batch.h"

namespace freshet::sink {

/// Appends the value that is all of `bytes` as one row. kCorrupt if it is not one value of the
/// column's type; the column may be half-written then. Nothing is allocated that `bytes` could not
/// fill.
Result<void> append_row_binary(Column& column, std::string_view bytes);

}  // namespace freshet::sink
