#include "model/reject.h"

#include "base/check.h"

namespace freshet {

std::string_view reject_reason_name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kMalformed:
      return "malformed";
    case RejectReason::kInvalidUtf8:
      return "invalid_utf8";
    case RejectReason::kNotAnObject:
      return "not_an_object";
    case RejectReason::kTooLarge:
      return "too_large";
    case RejectReason::kTooDeep:
      return "too_deep";
    case RejectReason::kDuplicateKey:
      return "duplicate_key";
    case RejectReason::kWrongType:
      return "wrong_type";
    case RejectReason::kOutOfRange:
      return "out_of_range";
    case RejectReason::kMissingField:
      return "missing_field";
    case RejectReason::kNullNotAllowed:
      return "null_not_allowed";
    case RejectReason::kUnknownField:
      return "unknown_field";
    case RejectReason::kNoValue:
      return "no_value";
    case RejectReason::kRefusedByTable:
      return "refused_by_table";
    case RejectReason::kRefusedByView:
      return "refused_by_view";
  }
  check_failed("reject reason", std::to_string(static_cast<int>(reason)));
}

}  // namespace freshet
