// Judges a history (history.h): what must never happen, whatever happened to the broker.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "history.h"

namespace freshet::history {

enum class Anomaly : uint8_t {
  kLostWrite,        // acknowledged before a range was read, and not in it
  kDoubledWrite,     // one value at two offsets
  kInconsistent,     // one offset with two values, or not the one that was acknowledged
  kPhantomRead,      // a value that nobody wrote, that failed, or of another partition
  kAbortedRead,      // by a reader of committed records: rolled back, or never committed
  kTornTransaction,  // some of its records are visible and some are not
  kReordered,        // the values of one writer in a partition, or the offsets of one reader
  kLostOffset,       // a group's offset is older than the last acknowledged commit
  kUnknownOffset,    // a group's offset that nobody committed
};
inline constexpr std::string_view kAnomalyNames[] = {
    "lost write",       "doubled write", "inconsistent offset", "phantom read",  "aborted read",
    "torn transaction", "reordered",     "lost offset",         "unknown offset"};

struct Finding {
  Anomaly anomaly;
  size_t event;  // where it was seen, counted from 0
  std::string text;
};

/// Every anomaly of the history, in no order. Ends of ranges are taken as they were recorded: a
/// write is only missed by a reader that has read its place to the end.
[[nodiscard]] std::vector<Finding> check(std::span<const Event> events);

}  // namespace freshet::history
