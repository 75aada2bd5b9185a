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
  kMissingField,  // of an object inside a value; at the top the decoder itself looks
  kTooLarge,      // defaults that would fill more than the limit
  kOtherOrder,    // the fast walk only: the keys do not come in the order learned
};

}  // namespace freshet::decode
