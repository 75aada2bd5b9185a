// A record that does not fit, and why. Data, not an error: the batch goes on without it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/offset.h"

namespace freshet {

enum class RejectReason {
  kMalformed,  // not a document of the declared format
  kInvalidUtf8,
  kNotAnObject,  // an array or a scalar where a record is expected
  kTooLarge,     // over the record limit
  kTooDeep,      // nested deeper than the limit
  kDuplicateKey,
  kWrongType,       // a value of another type than the column takes
  kOutOfRange,      // a number or time that the column cannot hold exactly
  kMissingField,    // absent and declared as required
  kNullNotAllowed,  // null for a column that is not Nullable
  kUnknownField,    // present, not in the table, and declared as refused
  kNoValue,         // a tombstone where a document is needed
  kRefusedByTable,  // the table itself refused the row
  kRefusedByView,   // a materialized view of the table failed on it
};

/// As written in the dead-letter header, such as "wrong_type".
[[nodiscard]] std::string_view reject_reason_name(RejectReason reason);

struct Reject {
  Offset offset;
  size_t index = 0;  // position in the span of records that was decoded
  RejectReason reason = RejectReason::kMalformed;
  std::string path;    // where in the record, such as "payload.total"; empty for the whole record
  std::string detail;  // what was found and what was expected; never the whole payload
};

}  // namespace freshet
