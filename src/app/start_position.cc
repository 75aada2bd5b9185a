#include "app/start_position.h"

#include <algorithm>

#include "config/units.h"

namespace freshet::app {

Result<StartRule> StartRule::parse(std::string_view text) {
  if (text == "beginning" || text == "earliest") return StartRule{.kind = Kind::kBeginning};
  if (text == "end" || text == "latest") return StartRule{.kind = Kind::kEnd};
  if (text.starts_with('-')) {
    FRESHET_ASSIGN(const uint64_t last, config::parse_count(text.substr(1)));
    return StartRule{.kind = Kind::kLast, .number = static_cast<int64_t>(last)};
  }
  if (text.starts_with('@')) {
    std::string time(text.substr(1));
    if (const auto millis = config::parse_count(time)) {
      return StartRule{.kind = Kind::kTime, .number = static_cast<int64_t>(*millis)};
    }
    // Minutes are enough for a person: 2026-11-01T00:00Z.
    if (time.size() == 17 && time.ends_with('Z')) time.insert(16, ":00");
    FRESHET_ASSIGN(const auto since_epoch, config::parse_utc_time(time));
    return StartRule{.kind = Kind::kTime, .number = since_epoch.count()};
  }
  if (const auto offset = config::parse_count(text)) {
    return StartRule{.kind = Kind::kOffset, .number = static_cast<int64_t>(*offset)};
  }
  return fail(
      Errc::kInvalidArgument,
      "{} is no position; expected beginning, end, -10 (the last ten of each partition), an "
      "offset or @2026-11-01T00:00Z",
      text);
}

Result<std::vector<kafka::StartPosition>> resolve_start(
    kafka::Admin& admin, const std::vector<TopicPartition>& partitions, const StartRule& rule) {
  std::vector<kafka::StartPosition> positions;
  if (rule.kind == StartRule::Kind::kTime) {
    FRESHET_ASSIGN(const auto offsets, admin.offsets_at(partitions, rule.number));
    for (size_t i = 0; i < partitions.size(); ++i) positions.push_back({partitions[i], offsets[i]});
    return positions;
  }
  FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions));
  for (size_t i = 0; i < partitions.size(); ++i) {
    Offset start = bounds[i].high_watermark;
    if (rule.kind == StartRule::Kind::kBeginning) start = bounds[i].log_start;
    if (rule.kind == StartRule::Kind::kOffset) {
      start = std::clamp(Offset(rule.number), bounds[i].log_start, bounds[i].high_watermark);
    }
    if (rule.kind == StartRule::Kind::kLast) {
      start = std::max(bounds[i].log_start, bounds[i].high_watermark - rule.number);
    }
    positions.push_back({partitions[i], start});
  }
  return positions;
}

}  // namespace freshet::app
