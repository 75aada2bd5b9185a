// A ColumnBatch as a struct array of the Arrow C data interface
// (https://arrow.apache.org/docs/format/CDataInterface.html), so that anything that speaks Arrow in
// the same process can read it without a copy.
//
// Column -> Arrow: String utf8 ("u") · LowCardinality dictionary<int32, utf8> · Bool bits ("b") ·
// integers and floats as they are · Date, Date32 date32 ("tdD") · DateTime timestamp seconds ·
// DateTime64 timestamp in the next finer of s, ms, us, ns · Decimal decimal128 ("d:P,S"), beyond 38
// digits decimal256 ("d:P,S,256") · UUID, IPv6, FixedString(N) and integers of 128 and 256 bits
// that many fixed bytes ("w:16") · IPv4 uint32 · Enum int8 or int16 · JSON utf8 · Array list ("+l")
// · Tuple struct ("+s"), elements without names are "1", "2" … · Map map ("+m"). Timestamps carry
// the declared zone, else UTC. Bool, Date, DateTime, Decimal32, Decimal64 and DateTime64 of scales
// 1 2 4 5 7 8 are copied into Arrow's width; all other buffers are shared.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "model/column_batch.h"

// The interface's own definitions, guarded as the specification asks.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};
}

#endif  // ARROW_C_DATA_INTERFACE

namespace freshet {

/// Fills `out`; the caller owns it and calls out->release once. Children may be moved out.
void export_arrow_schema(const Schema& schema, ArrowSchema* out);

/// Fills `out` with the batch's whole rows; the caller owns it and calls out->release once. The
/// batch lives, and must not be written to, until then. kOutOfRange: a DateTime64 value does not
/// fit Arrow's next finer unit; nothing is filled then.
Result<void> export_arrow_array(std::shared_ptr<const ColumnBatch> batch, ArrowArray* out);

}  // namespace freshet
