#include "pipeline/mend_mark.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

#include "base/check.h"
#include "base/crc32c.h"
#include "kafka/record_iterator.h"
#include "pipeline/commit_metadata.h"

namespace freshet::pipeline {
namespace {

constexpr std::string_view kMagic = "freshet-mend/1";
constexpr size_t kFields = 9;
constexpr size_t kIdDigits = 16;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Stops counting above the limit, which a sum of hostile ranges could overflow.
int64_t count(const std::vector<OffsetRange>& ranges) {
  int64_t sum = 0;
  for (const auto& range : ranges) {
    sum += std::min(range.last - range.first, MendMark::kOffsetsMax) + 1;
    if (sum > MendMark::kOffsetsMax) break;
  }
  return sum;
}

std::string body_of(const MendMark& mark) {
  std::string text =
      fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|", kMagic,
                  mark.state == MendMark::State::kIntent ? "intent" : "done",
                  mark.kind == MendMark::Kind::kReplay ? "replay" : "repair", mark.id,
                  mark.pipeline, mark.tp.topic, mark.topic_id, mark.tp.partition);
  bool first = true;
  for (const auto& range : mark.offsets) {
    fmt::format_to(std::back_inserter(text), "{}{}", first ? "" : ",", range);
    first = false;
  }
  return text;
}

}  // namespace

std::string encode_mend_mark(const MendMark& mark) {
  for (const std::string& name : {mark.id, mark.pipeline, mark.tp.topic, mark.topic_id}) {
    FRESHET_CHECK(name.find('|') == std::string::npos, "{}", name);
  }
  for (size_t i = 0; i < mark.offsets.size(); ++i) {
    FRESHET_CHECK_GE(mark.offsets[i].first.value(), 0);
    FRESHET_CHECK_LE(mark.offsets[i].first, mark.offsets[i].last);
    if (i > 0) FRESHET_CHECK_LT(mark.offsets[i - 1].last, mark.offsets[i].first);
  }
  FRESHET_CHECK_LE(count(mark.offsets), MendMark::kOffsetsMax);
  const std::string body = body_of(mark);
  return fmt::format("{}|{:08x}", body, crc32c(body));
}

Result<MendMark> parse_mend_mark(std::string_view text) {
  if (text.size() > MendMark::kBytesMax) {
    return fail(Errc::kCorrupt, "a mend mark of {} bytes; at most {} are expected", text.size(),
                MendMark::kBytesMax);
  }
  const size_t last_bar = text.rfind('|');
  if (last_bar == std::string_view::npos) return fail(Errc::kCorrupt, "no mend mark");
  const std::string_view body = text.substr(0, last_bar);
  if (text.substr(last_bar + 1) != fmt::format("{:08x}", crc32c(body))) {
    return fail(Errc::kCorrupt, "a mend mark whose checksum does not match");
  }
  std::array<std::string_view, kFields> fields;
  std::string_view rest = body;
  for (size_t i = 0; i < kFields; ++i) {
    const size_t bar = rest.find('|');
    if ((bar == std::string_view::npos) != (i + 1 == kFields)) {
      return fail(Errc::kCorrupt, "a mend mark without {} fields", kFields);
    }
    fields[i] = rest.substr(0, bar);
    if (bar != std::string_view::npos) rest.remove_prefix(bar + 1);
  }
  if (fields[0] != kMagic) {
    return fail(Errc::kCorrupt, "a mend mark of another version: {}", fields[0].substr(0, 40));
  }
  MendMark mark;
  mark.state = fields[1] == "intent" ? MendMark::State::kIntent : MendMark::State::kDone;
  mark.kind = fields[2] == "replay" ? MendMark::Kind::kReplay : MendMark::Kind::kRepair;
  mark.id = fields[3];
  mark.pipeline = fields[4];
  mark.tp.topic = fields[5];
  mark.topic_id = fields[6];
  const auto number = fields[7];
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), mark.tp.partition);
  auto offsets = parse_offset_ranges(fields[8]);
  if (error != std::errc() || end != number.data() + number.size() || mark.tp.partition < 0 ||
      mark.id.size() != kIdDigits || !is_hex(mark.id) || !offsets ||
      count(*offsets) > MendMark::kOffsetsMax) {
    return fail(Errc::kCorrupt, "a mend mark with a malformed field");
  }
  mark.offsets = std::move(*offsets);
  if (body_of(mark) != body) return fail(Errc::kCorrupt, "a mend mark in another spelling");
  return mark;
}

std::optional<MendMark> mend_mark_of(const RecordView& record) {
  if (!record.value || !kafka::find_header(record.headers, kMendHeader)) return std::nullopt;
  auto mark = parse_mend_mark(*record.value);
  if (!mark) return std::nullopt;
  return std::move(*mark);
}

std::string new_mend_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", static_cast<uint32_t>(device()),
                     static_cast<uint32_t>(device()));
}

std::vector<OffsetRange> to_ranges(const std::vector<Offset>& offsets) {
  std::vector<OffsetRange> ranges;
  for (const Offset offset : offsets) {
    if (!ranges.empty() && ranges.back().last + 1 == offset) {
      ranges.back().last = offset;
    } else {
      ranges.push_back({offset, offset});
    }
  }
  return ranges;
}

}  // namespace freshet::pipeline
