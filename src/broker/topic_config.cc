#include "broker/topic_config.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <vector>

namespace freshet::broker {

namespace {

using enum ConfigType;

constexpr TopicConfigInfo kConfigs[] = {
    {"cleanup.policy", kList, "delete",
     "delete: old segments go by retention. compact: they stay, and every record needs a key."},
    {"compression.gzip.level", kInt, "-1", "Without effect: batches are stored as they came."},
    {"compression.lz4.level", kInt, "9", "Without effect: batches are stored as they came."},
    {"compression.type", kString, "producer", "Batches are stored as the producer made them."},
    {"compression.zstd.level", kInt, "3", "Without effect: batches are stored as they came."},
    {"delete.retention.ms", kLong, "86400000", "How long tombstones stay after compaction."},
    {"file.delete.delay.ms", kLong, "60000", "Without effect: readers keep deleted files open."},
    {"flush.messages", kLong, "9223372036854775807",
     "Without effect: every acknowledged batch is on disk."},
    {"flush.ms", kLong, "9223372036854775807",
     "Without effect: every acknowledged batch is on disk."},
    {"follower.replication.throttled.replicas", kList, "", "Without effect on one node."},
    {"index.interval.bytes", kInt, "4096", "Bytes of log between two index entries."},
    {"leader.replication.throttled.replicas", kList, "", "Without effect on one node."},
    {"local.retention.bytes", kLong, "-2", "Without effect: there is no remote storage."},
    {"local.retention.ms", kLong, "-2", "Without effect: there is no remote storage."},
    {"max.compaction.lag.ms", kLong, "9223372036854775807",
     "The longest time that a record stays uncompacted."},
    {"max.message.bytes", kInt, "1048588", "The largest record batch that is accepted."},
    {"message.downconversion.enable", kBoolean, "true", "Without effect: only format 2 is kept."},
    {"message.timestamp.after.max.ms", kLong, "3600000",
     "How far a record's time may lie ahead of the broker's clock."},
    {"message.timestamp.before.max.ms", kLong, "9223372036854775807",
     "How far a record's time may lie behind the broker's clock."},
    {"message.timestamp.type", kString, "CreateTime",
     "CreateTime: the producer's time. LogAppendTime: the broker's."},
    {"min.cleanable.dirty.ratio", kDouble, "0.5", "The share of uncompacted log that compacts it."},
    {"min.compaction.lag.ms", kLong, "0", "The shortest time that a record stays uncompacted."},
    {"min.insync.replicas", kInt, "1", "Without effect on one node."},
    {"preallocate", kBoolean, "false", "Without effect: the broker decides by itself."},
    {"remote.log.copy.disable", kBoolean, "false", "Without effect: there is no remote storage."},
    {"remote.log.delete.on.disable", kBoolean, "false",
     "Without effect: there is no remote storage."},
    {"remote.storage.enable", kBoolean, "false", "Only false: there is no remote storage."},
    {"retention.bytes", kLong, "-1", "Closed segments beyond this size go. -1: no limit."},
    {"retention.ms", kLong, "604800000", "Closed segments older than this go. -1: no limit."},
    {"segment.bytes", kInt, "1073741824", "A segment of this size is closed."},
    {"segment.index.bytes", kInt, "10485760", "Without effect: indexes grow as needed."},
    {"segment.jitter.ms", kLong, "0", "Without effect on one node."},
    {"segment.ms", kLong, "604800000", "A segment of this age is closed."},
    {"unclean.leader.election.enable", kBoolean, "false", "Without effect on one node."},
};

template <class T>
Result<T> parse_number(std::string_view name, std::string_view text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail(Errc::kInvalidArgument, "topic config {}={}: expected a number from {} to {}", name,
                text, least, most);
  }
  return value;
}

Result<void> check_type(const TopicConfigInfo& info, std::string_view value) {
  switch (info.type) {
    case kBoolean:
      if (value == "true" || value == "false") return {};
      return fail(Errc::kInvalidArgument, "topic config {}={}: expected true or false", info.name,
                  value);
    case kInt:
    case kShort:
      FRESHET_TRY(parse_number<int32_t>(info.name, value, INT32_MIN, INT32_MAX));
      return {};
    case kLong:
      FRESHET_TRY(parse_number<int64_t>(info.name, value, INT64_MIN, INT64_MAX));
      return {};
    case kDouble:
      FRESHET_TRY(parse_number<double>(info.name, value, 0.0, 1.0));
      return {};
    case kString:
    case kList:
    case kUnknown:
      return {};
  }
  return {};
}

Result<void> parse_cleanup_policy(std::string_view value, TopicSettings& settings) {
  bool deletes = false;
  size_t begin = 0;
  while (begin <= value.size()) {
    const size_t end = std::min(value.find(',', begin), value.size());
    std::string_view word = value.substr(begin, end - begin);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (word == "compact") {
      settings.compacted = true;
    } else if (word == "delete") {
      deletes = true;
    } else {
      return fail(Errc::kInvalidArgument,
                  "topic config cleanup.policy={}: expected delete, compact or both", value);
    }
    begin = end + 1;
  }
  if (!deletes) {
    settings.partition.retention_ms = -1;
    settings.partition.retention_bytes = -1;
  }
  return {};
}

Result<void> apply_text(std::string_view name, std::string_view value, TopicSettings& settings) {
  if (name == "compression.type") {
    constexpr std::string_view kCodecs[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    if (value == "producer") return {};
    if (std::ranges::find(kCodecs, value) == std::end(kCodecs)) {
      return fail(Errc::kInvalidArgument, "topic config compression.type={}: expected producer",
                  value);
    }
    return fail(Errc::kUnsupported,
                "topic config compression.type={} is not supported yet: batches are stored as the "
                "producer compressed them; set compression.type=producer",
                value);
  }
  if (name == "message.timestamp.type") {
    if (value != "CreateTime" && value != "LogAppendTime") {
      return fail(Errc::kInvalidArgument,
                  "topic config message.timestamp.type={}: expected CreateTime or LogAppendTime",
                  value);
    }
    settings.log_append_time = value == "LogAppendTime";
  }
  if (name == "remote.storage.enable" && value == "true") {
    return fail(Errc::kUnsupported, "topic config remote.storage.enable=true is not supported yet");
  }
  return {};
}

struct NumberRule {
  std::string_view name;
  int64_t least;
  int64_t most;
  void (*apply)(TopicSettings&, int64_t);
};

constexpr NumberRule kNumberRules[] = {
    {"index.interval.bytes", 0, INT32_MAX,
     [](TopicSettings& s, int64_t v) {
       s.partition.index_interval_bytes = static_cast<uint32_t>(v);
     }},
    {"max.message.bytes", 0, INT32_MAX,
     [](TopicSettings& s, int64_t v) { s.batch_bytes_max = static_cast<size_t>(v); }},
    {"message.timestamp.after.max.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.timestamp_after_max_ms = v; }},
    {"message.timestamp.before.max.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.timestamp_before_max_ms = v; }},
    {"min.insync.replicas", 1, INT32_MAX, [](TopicSettings&, int64_t) {}},
    {"retention.bytes", -1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.retention_bytes = v; }},
    {"retention.ms", -1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.retention_ms = v; }},
    {"segment.bytes", 14, INT32_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.segment_bytes = static_cast<uint64_t>(v); }},
    {"segment.ms", 1, INT64_MAX,
     [](TopicSettings& s, int64_t v) {
       // A century is for ever, and later sums with a time must not overflow.
       s.partition.segment_age_max =
           std::chrono::milliseconds(std::min<int64_t>(v, 100LL * 365 * 86'400'000));
     }},
};

}  // namespace

std::span<const TopicConfigInfo> topic_config_infos() { return kConfigs; }

Result<TopicSettings> parse_topic_configs(const TopicConfigMap& configs) {
  TopicSettings settings;
  settings.partition.retention_ms = 604'800'000;
  for (const auto& [name, value] : configs) {
    const auto info = std::ranges::find(kConfigs, name, &TopicConfigInfo::name);
    if (info == std::end(kConfigs)) {
      return fail(Errc::kInvalidArgument, "topic config {} is unknown", name);
    }
    FRESHET_TRY(check_type(*info, value));
    FRESHET_TRY(apply_text(name, value, settings));
    const auto rule = std::ranges::find(kNumberRules, name, &NumberRule::name);
    if (rule == std::end(kNumberRules)) continue;
    FRESHET_ASSIGN(const int64_t number,
                   parse_number<int64_t>(name, value, rule->least, rule->most));
    rule->apply(settings, number);
  }
  // After the retention that it switches off.
  if (const auto it = configs.find("cleanup.policy"); it != configs.end()) {
    FRESHET_TRY(parse_cleanup_policy(it->second, settings));
  }
  return settings;
}

}  // namespace freshet::broker
