// What `dlq replay` and `repair` write into the dead-letter topic about rows that they bring into
// the table outside of the pipeline's ranges. Format: docs/formats/dead-letters.md.
//
//   intent   the rows of these offsets may be in the table, wholly, partly or not at all, under the
//            token that the id names
//   done     they are there exactly once. A done mark without offsets: none of them is, and the
//            intent is void (the table refused them)
//
// An intent without its done mark is finished first by the next replay or repair. An offset of a
// replay mark that is done is no dead letter any more: its record belongs into the table.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/offset.h"
#include "model/record.h"

namespace freshet::pipeline {

/// Header of every record that holds a mark; dead letters have none.
inline constexpr std::string_view kMendHeader = "freshet.mend";

struct MendMark {
  /// Where the rows come from: letters of the dead-letter topic, or the log.
  enum class Kind { kReplay, kRepair };
  enum class State { kIntent, kDone };
  static constexpr size_t kBytesMax = size_t{1} << 20;
  static constexpr int64_t kOffsetsMax = 10'000;

  State state = State::kIntent;
  Kind kind = Kind::kReplay;
  std::string id;  // 16 lower-case hexadecimal digits, made at random
  std::string pipeline;
  TopicPartition tp;  // of the rows' records
  std::string topic_id;
  std::vector<OffsetRange> offsets;  // ascending, disjoint

  friend bool operator==(const MendMark&, const MendMark&) = default;
};

/// Invariant of the argument, checked: names without '|', offsets ascend and are not negative.
[[nodiscard]] std::string encode_mend_mark(const MendMark& mark);
/// kCorrupt says what is wrong. Accepts exactly what encode_mend_mark() writes.
Result<MendMark> parse_mend_mark(std::string_view text);

/// nullopt: the record is no mark, or one that cannot be read, which is logged by nobody: it then
/// counts as not written.
[[nodiscard]] std::optional<MendMark> mend_mark_of(const RecordView& record);

[[nodiscard]] std::string new_mend_id();

/// Ascending offsets as ranges.
[[nodiscard]] std::vector<OffsetRange> to_ranges(const std::vector<Offset>& offsets);

}  // namespace freshet::pipeline
