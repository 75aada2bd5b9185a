// Values that are only checked: syntax, escapes and depth (stage 1 has checked UTF-8).
#pragma once

#include <cstdint>

#include "decode/fault.h"

namespace freshet::decode {

class JsonSkip {
 public:
  enum class What : uint8_t {
    kIgnored,  // nobody takes it
    /// It goes into a JSON column. A key that appears twice in an object, and a number that is
    /// neither an integer of 64 bits nor a finite Float64, are faults too: ClickHouse would take
    /// one value of the two, or round.
    kKept,
  };
  JsonSkip(uint32_t depth_max, What what) : depth_max_(depth_max), what_(what) {}

  /// Moves `token` behind the value that begins there, or to what is wrong in it. `depth` is that
  /// of the object or array around the value.
  Fault value(const char* text, const uint32_t*& token, uint32_t depth) const;

 private:
  Fault members(const char* text, const uint32_t*& token, uint32_t depth) const;

  uint32_t depth_max_;
  What what_;
};

}  // namespace freshet::decode
