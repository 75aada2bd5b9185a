// Where a record is: topic, partition, offset, and ranges of offsets.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/strong.h"

namespace freshet {

/// Position of one record in a partition. Subtracting two gives a count; adding a count gives an
/// offset.
class Offset : public Strong<Offset, int64_t> {
 public:
  using Strong::Strong;
  friend constexpr Offset operator+(Offset a, int64_t n) { return Offset(a.value() + n); }
  friend constexpr Offset operator-(Offset a, int64_t n) { return Offset(a.value() - n); }
  friend constexpr int64_t operator-(Offset a, Offset b) { return a.value() - b.value(); }
};
/// "No offset": what Kafka writes as -1.
inline constexpr Offset kNoOffset{-1};

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// The offsets first..last, both included. A range names positions, not records: compaction,
/// control records and aborted transactions leave gaps. Invariant: first <= last.
struct OffsetRange {
  Offset first;
  Offset last;
  [[nodiscard]] int64_t span() const { return last - first + 1; }
  [[nodiscard]] bool contains(Offset o) const { return first <= o && o <= last; }
  friend auto operator<=>(const OffsetRange&, const OffsetRange&) = default;
};

}  // namespace freshet

template <>
struct std::hash<freshet::Offset> {
  size_t operator()(freshet::Offset o) const { return std::hash<int64_t>()(o.value()); }
};

template <>
struct std::hash<freshet::TopicPartition> {
  size_t operator()(const freshet::TopicPartition& tp) const {
    return std::hash<std::string>()(tp.topic) * 31 + static_cast<size_t>(tp.partition);
  }
};

template <>
struct fmt::formatter<freshet::Offset> : fmt::formatter<int64_t> {
  auto format(freshet::Offset o, format_context& ctx) const {
    return fmt::formatter<int64_t>::format(o.value(), ctx);
  }
};

/// "events-3"
template <>
struct fmt::formatter<freshet::TopicPartition> {
  constexpr auto parse(format_parse_context& ctx) { return ctx.begin(); }
  auto format(const freshet::TopicPartition& tp, format_context& ctx) const {
    return fmt::format_to(ctx.out(), "{}-{}", tp.topic, tp.partition);
  }
};

/// "100-199"
template <>
struct fmt::formatter<freshet::OffsetRange> {
  constexpr auto parse(format_parse_context& ctx) { return ctx.begin(); }
  auto format(const freshet::OffsetRange& r, format_context& ctx) const {
    return fmt::format_to(ctx.out(), "{}-{}", r.first, r.last);
  }
};
