// What a pipeline writes into the metadata of its group's OffsetCommit: the intent to write ranges.
// Format and worked example: docs/formats/commit-metadata.md. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::pipeline {

/// Kafka's default offset.metadata.max.bytes.
inline constexpr size_t kMetadataBytesMax = 4096;

struct CommitMetadata {
  /// Of everything that decides which rows a record becomes and where they land.
  uint64_t pipeline_hash = 0;
  TopicId topic_id;
  /// First offset this group ever read in the partition: where the proof of `verify` begins.
  Offset start;
  /// When the intent was made. Only tells how old it is; never decides what is in the table.
  WallMillis intent_time{};
  /// Ranges that may be in the table wholly, partly or not at all; ascending, disjoint. Empty:
  /// everything before the committed offset is done and nothing after it was begun.
  std::vector<OffsetRange> pending;

  friend bool operator==(const CommitMetadata&, const CommitMetadata&) = default;
};

/// kTooLarge if the text would exceed kMetadataBytesMax (about 90 pending ranges).
/// Invariant of the argument, checked: offsets are not negative, ranges ascend without overlap.
Result<std::string> encode_commit_metadata(const CommitMetadata& metadata);

struct AbsentMetadata {};   // an empty text: no pipeline committed here, or a tool reset the offset
struct ForeignMetadata {};  // some other program's text
struct OtherVersion {       // ours, from a Freshet that writes another version of the format
  uint64_t version = 0;
};
struct CorruptMetadata {  // ours, this version, but damaged
  std::string what;
};
using ParsedMetadata =
    std::variant<CommitMetadata, AbsentMetadata, ForeignMetadata, OtherVersion, CorruptMetadata>;

/// Never fails: text that cannot be trusted is told apart by kind. Accepts exactly what
/// encode_commit_metadata() writes (one spelling per value).
[[nodiscard]] ParsedMetadata parse_commit_metadata(std::string_view text);

/// "100-199,250-250": the form in which offsets are listed here and in mend marks; ascending,
/// disjoint, one spelling per value. nullopt for anything else.
[[nodiscard]] std::optional<std::vector<OffsetRange>> parse_offset_ranges(std::string_view text);

/// For messages: "absent", "foreign", "of version 7", "corrupt (…)", or "ours".
[[nodiscard]] std::string describe(const ParsedMetadata& parsed);

}  // namespace freshet::pipeline
