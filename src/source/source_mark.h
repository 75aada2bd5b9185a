// What a source writes into the log beside its events, and all it ever needs to find its place
// again: the header `freshet.source` of the last record of every batch.
//
//   <source>;1;<fingerprint>;<partitions>;<from>-<to>[,<from>-<to>…];<everywhere>;<cursor>
//
// Numbers are those of events, decimal. For each <from>-<to>: every event n with from <= n < to
// that belongs to this partition (partition_of() with <partitions>) is in the log up to and
// including this batch; the first pair is the batch's own. Every event below <everywhere> is in the
// log, whatever its partition, and <cursor> is the source's own text for that point.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "source/event_source.h"

namespace freshet::source {

inline constexpr std::string_view kSourceMarkHeader = "freshet.source";

/// The events from .. to - 1.
struct EventRange {
  uint64_t from = 0;
  uint64_t to = 0;
  [[nodiscard]] bool contains(uint64_t number) const { return from <= number && number < to; }
  friend auto operator<=>(const EventRange&, const EventRange&) = default;
};

struct SourceMark {
  std::string source;
  std::string fingerprint;
  int32_t partitions = 1;
  std::vector<EventRange> covered;  // at least one
  SourcePosition everywhere;

  [[nodiscard]] std::string to_string() const;
  /// kCorrupt: not a mark. kUnsupported: of a version that a later Freshet wrote.
  static Result<SourceMark> parse(std::string_view text);
};

/// Names of sources stand in marks: 1 to 200 printable characters of ASCII, no ';'.
Result<void> check_source_name(std::string_view name);

}  // namespace freshet::source
