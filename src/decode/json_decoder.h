// JSON documents straight into columns, with every record that does not fit named and left out.
//
// No coercion. A value is taken only if the column holds exactly what the document says:
//   String, LowCardinality    JSON strings (escapes resolved)
//   Bool                      true, false
//   Int*, UInt*               numbers written without fraction and exponent, in range; those of 128
//                             and 256 bits also as texts of such a number
//   Float32, Float64          numbers; integers (no fraction, no exponent) only if exact, others
//                             rounded to the nearest value; overflow, and a non-zero number that
//                             would become 0, are out of range
//   Decimal                   numbers that fit the precision and scale without rounding; of more
//                             than 18 digits of precision also as texts of such a number
//   UUID                      strings of 8-4-4-4-12 hexadecimal digits
//   Date, Date32              "YYYY-MM-DD"
//   DateTime, DateTime64      "YYYY-MM-DD(T or space)hh:mm:ss[.fraction][Z or ±hh:mm]"; no zone
//                             means UTC, and is refused if the column declares another zone; digits
//                             of a fraction beyond the column's scale must be zeros. Numbers are
//                             seconds since the epoch (or JsonPlan::epoch_digits), with such a
//                             fraction
//   FixedString(N)            strings of exactly N bytes
//   Enum                      strings that are one of its names
//   IPv4, IPv6                strings; an IPv4 address in an IPv6 column is ::ffff:a.b.c.d
//   LowCardinality(T)         as T
//   Array, Tuple, Map, JSON   arrays and objects: value_tree.h
//   Nullable(...)             null as well
// Objects and arrays fit no other column. A null where columns look for an object is a null for
// each of them. Keys are compared after resolving escapes; a key that appears twice in an object
// that holds columns (the record itself, every object on a path, all inside a column's value)
// rejects the record. Objects that no column looks into are checked for syntax, UTF-8 and depth
// only.
//
// How it is fast and still sound: stage 1 of simdjson runs once over many records copied back to
// back with a line feed between them. A line feed inside a string is an error of JSON, so if stage
// 1 accepts the run, no string crosses a boundary, and the marks it found between the boundaries of
// a record are those it would find for that record alone; likewise for UTF-8. If it does not accept
// the run, each record of the run is parsed alone. Then each record's marks are walked along the
// key order seen last; a record that leaves this path for any reason is walked again by the careful
// walk, which decides alone what is rejected and why.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "decode/json_plan.h"
#include "model/column_batch.h"
#include "model/record.h"
#include "model/reject.h"

namespace freshet::decode {

struct RecordOrigin {
  std::string_view topic;
  int32_t partition = 0;
};

/// Thread: one at a time; each worker has its own. Memory: about run_bytes (or the largest record
/// accepted) times 6.
class JsonDecoder {
 public:
  /// kInvalidArgument names the column: a path that goes through another column's value, a constant
  /// or metadata source that does not fit the column's type, two columns of the same name.
  static Result<JsonDecoder> create(JsonPlan plan);
  JsonDecoder(JsonDecoder&&) noexcept;
  JsonDecoder& operator=(JsonDecoder&&) noexcept;
  ~JsonDecoder();

  /// The plan's fields in order; batches for decode() are made with it.
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const;

  /// Appends one row to `out` for every record that fits, in order, and one Reject to `rejects` for
  /// every other, in order; nothing is thrown and no record is both or neither. `out` must have
  /// been made with schema() (or an equal one) and may hold rows already.
  void decode(std::span<const RecordView> records, const RecordOrigin& origin, ColumnBatch& out,
              std::vector<Reject>& rejects);

 private:
  class Impl;
  explicit JsonDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshet::decode
