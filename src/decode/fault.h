// Why a value was not taken, as a code that a hot loop can return.
#pragma once

#include <cstdint>

namespace freshet::decode {

enum class Fault : uint8_t {
  kNone,
  kMalformed,
  kInvalidUtf8,
  kTooDeep,
  kDuplicateKey,
  kWrongType,
  kOutOfRange,
  kNullNotAllowed,
  kUnknownField,
  kOtherOrder,  // the fast walk only: the keys do not come in the order learned
};

}  // namespace freshet::decode
