#include "pipeline/commit_metadata.h"

#include <charconv>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/crc32c.h"

namespace freshet::pipeline {
namespace {

constexpr std::string_view kMagic = "freshet/";
constexpr std::string_view kPrefix = "freshet/1|";

/// Takes the text up to the next '|' off `rest`; nullopt if there is none.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const auto bar = rest.find('|');
  if (bar == std::string_view::npos) return std::nullopt;
  const auto field = rest.substr(0, bar);
  rest.remove_prefix(bar + 1);
  return field;
}

/// Digits only, no sign, no leading zero, at most INT64_MAX.
std::optional<int64_t> parse_decimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0') || text[0] == '-') return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Exactly `digits` lower-case hexadecimal digits.
std::optional<uint64_t> parse_hex(std::string_view text, size_t digits) {
  if (text.size() != digits) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return std::nullopt;
    value = (value << 4) | static_cast<uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  return value;
}

ParsedMetadata corrupt(std::string_view what) { return CorruptMetadata{std::string(what)}; }

ParsedMetadata parse_version_1(std::string_view text) {
  const auto last_bar = text.rfind('|');
  const auto stated = parse_hex(text.substr(last_bar + 1), 8);
  if (!stated) return corrupt("it does not end in a checksum of 8 hexadecimal digits");
  if (*stated != crc32c(text.substr(0, last_bar))) return corrupt("its checksum does not match");

  std::string_view rest = text.substr(0, last_bar + 1);
  rest.remove_prefix(kPrefix.size());
  const auto hash_text = take_field(rest);
  const auto topic_text = take_field(rest);
  const auto start_text = take_field(rest);
  const auto time_text = take_field(rest);
  const auto ranges_text = take_field(rest);
  if (!ranges_text || !rest.empty()) return corrupt("it does not have 7 fields");

  CommitMetadata metadata;
  const auto hash = parse_hex(*hash_text, 16);
  if (!hash) return corrupt("the pipeline hash is not 16 hexadecimal digits");
  metadata.pipeline_hash = *hash;
  auto topic_id = TopicId::parse(*topic_text);
  if (!topic_id || topic_id->to_string() != *topic_text)
    return corrupt("the topic id is malformed");
  metadata.topic_id = *topic_id;
  const auto start = parse_decimal(*start_text);
  if (!start) return corrupt("the start offset is malformed");
  metadata.start = Offset(*start);
  const auto time = parse_decimal(*time_text);
  if (!time) return corrupt("the intent time is malformed");
  metadata.intent_time = WallMillis(Millis(*time));
  auto ranges = parse_offset_ranges(*ranges_text);
  if (!ranges) return corrupt("the pending ranges are malformed");
  metadata.pending = std::move(*ranges);
  return metadata;
}

}  // namespace

std::optional<std::vector<OffsetRange>> parse_offset_ranges(std::string_view text) {
  std::vector<OffsetRange> ranges;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto item = text.substr(0, comma);
    const auto dash = item.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = parse_decimal(item.substr(0, dash));
    const auto last = parse_decimal(item.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    if (*last == std::numeric_limits<int64_t>::max()) return std::nullopt;
    if (!ranges.empty() && ranges.back().last.value() >= *first) return std::nullopt;
    ranges.push_back({Offset(*first), Offset(*last)});
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;
  }
  return ranges;
}

Result<std::string> encode_commit_metadata(const CommitMetadata& metadata) {
  FRESHET_CHECK_GE(metadata.start.value(), 0);
  FRESHET_CHECK_GE(metadata.intent_time.time_since_epoch().count(), 0);
  std::string text = fmt::format("{}{:016x}|{}|{}|{}|", kPrefix, metadata.pipeline_hash,
                                 metadata.topic_id.to_string(), metadata.start,
                                 metadata.intent_time.time_since_epoch().count());
  const OffsetRange* previous = nullptr;
  for (const auto& range : metadata.pending) {
    FRESHET_CHECK_GE(range.first.value(), 0);
    FRESHET_CHECK_LE(range.first, range.last);
    if (previous != nullptr) {
      FRESHET_CHECK_LT(previous->last, range.first);
      text += ',';
    }
    fmt::format_to(std::back_inserter(text), "{}", range);
    previous = &range;
  }
  text += '|';
  fmt::format_to(std::back_inserter(text), "{:08x}",
                 crc32c(std::string_view(text).substr(0, text.size() - 1)));
  if (text.size() > kMetadataBytesMax) {
    return fail(Errc::kTooLarge, "commit metadata of {} pending ranges takes {} bytes, limit {}",
                metadata.pending.size(), text.size(), kMetadataBytesMax);
  }
  return text;
}

ParsedMetadata parse_commit_metadata(std::string_view text) {
  if (text.empty()) return AbsentMetadata{};
  if (!text.starts_with(kMagic)) return ForeignMetadata{};
  if (text.size() > kMetadataBytesMax) return corrupt("it is longer than 4096 bytes");
  if (text.starts_with(kPrefix)) return parse_version_1(text);
  const auto version_text = text.substr(kMagic.size(), text.find('|') - kMagic.size());
  const auto version = parse_decimal(version_text);
  if (!version) return corrupt("its version is not a number");
  if (*version == 1) return corrupt("it ends after its version");
  return OtherVersion{static_cast<uint64_t>(*version)};
}

std::string describe(const ParsedMetadata& parsed) {
  struct Describe {
    std::string operator()(const CommitMetadata&) const { return "ours"; }
    std::string operator()(const AbsentMetadata&) const { return "absent"; }
    std::string operator()(const ForeignMetadata&) const { return "foreign"; }
    std::string operator()(const OtherVersion& other) const {
      return fmt::format("of version {}", other.version);
    }
    std::string operator()(const CorruptMetadata& damaged) const {
      return fmt::format("corrupt ({})", damaged.what);
    }
  };
  return std::visit(Describe{}, parsed);
}

}  // namespace freshet::pipeline
