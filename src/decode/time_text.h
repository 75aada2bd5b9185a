// Dates and times as JSON events carry them: ISO 8601 in its fixed positions.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/fault.h"

namespace freshet::decode {

/// "YYYY-MM-DD" to days since 1970-01-01. kWrongType: another form; kOutOfRange: no such day.
Fault parse_date(std::string_view text, int64_t& days);

/// Reads "YYYY-MM-DD(T or space)hh:mm:ss[.fraction][Z or ±hh:mm]". Remembers the last minute, since
/// the next record's is usually the same. One per column and thread.
class TimeParser {
 public:
  /// Time as ticks of 10^-scale seconds since the epoch, UTC.
  struct Instant {
    int64_t seconds = 0;    // floor
    uint32_t fraction = 0;  // in ticks, 0 .. 10^scale - 1
    bool has_zone = false;
  };

  /// `text` has 16 readable bytes behind it. kWrongType: another form; kOutOfRange: no such time,
  /// or a fraction that the scale cannot hold.
  Fault parse(std::string_view text, int scale, Instant& instant);

 private:
  Fault parse_minute(std::string_view text);

  uint64_t minute_text_[2] = {0, 0};  // "YYYY-MM-DDThh:mm" last seen
  int64_t minute_seconds_ = 0;
};

}  // namespace freshet::decode
