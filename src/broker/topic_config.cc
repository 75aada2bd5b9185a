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
     "delete: old segments go by retention. compact: they stay, and every record needs a key.",
     "log.cleanup.policy"},
    {"compression.gzip.level", kInt, "-1", "Without effect: batches are stored as they came.",
     "compression.gzip.level"},
    {"compression.lz4.level", kInt, "9", "Without effect: batches are stored as they came.",
     "compression.lz4.level"},
    {"compression.type", kString, "producer",
     "producer: batches are stored as they came. Else they are compressed so.", "compression.type"},
    {"compression.zstd.level", kInt, "3", "Without effect: batches are stored as they came.",
     "compression.zstd.level"},
    {"delete.retention.ms", kLong, "86400000", "How long tombstones stay after compaction.",
     "log.cleaner.delete.retention.ms"},
    {"file.delete.delay.ms", kLong, "60000", "Without effect: readers keep deleted files open.",
     "log.segment.delete.delay.ms"},
    {"flush.messages", kLong, "9223372036854775807",
     "Without effect: every acknowledged batch is on disk.", "log.flush.interval.messages"},
    {"flush.ms", kLong, "9223372036854775807",
     "Without effect: every acknowledged batch is on disk.", "log.flush.interval.ms"},
    {"follower.replication.throttled.replicas", kList, "", "Without effect on one node."},
    {"index.interval.bytes", kInt, "4096", "Bytes of log between two index entries.",
     "log.index.interval.bytes"},
    {"leader.replication.throttled.replicas", kList, "", "Without effect on one node."},
    {"local.retention.bytes", kLong, "-2", "Without effect: there is no remote storage.",
     "log.local.retention.bytes"},
    {"local.retention.ms", kLong, "-2", "Without effect: there is no remote storage.",
     "log.local.retention.ms"},
    {"max.compaction.lag.ms", kLong, "9223372036854775807",
     "The longest time that a record stays uncompacted.", "log.cleaner.max.compaction.lag.ms"},
    {"max.message.bytes", kInt, "1048588", "The largest record batch that is accepted.",
     "message.max.bytes"},
    {"message.downconversion.enable", kBoolean, "true", "Without effect: only format 2 is kept."},
    {"message.timestamp.after.max.ms", kLong, "3600000",
     "How far a record's time may lie ahead of the broker's clock.",
     "log.message.timestamp.after.max.ms"},
    {"message.timestamp.before.max.ms", kLong, "9223372036854775807",
     "How far a record's time may lie behind the broker's clock.",
     "log.message.timestamp.before.max.ms"},
    {"message.timestamp.type", kString, "CreateTime",
     "CreateTime: the producer's time. LogAppendTime: the broker's.", "log.message.timestamp.type"},
    {"min.cleanable.dirty.ratio", kDouble, "0.5", "The share of uncompacted log that compacts it.",
     "log.cleaner.min.cleanable.ratio"},
    {"min.compaction.lag.ms", kLong, "0", "The shortest time that a record stays uncompacted.",
     "log.cleaner.min.compaction.lag.ms"},
    {"min.insync.replicas", kInt, "1", "Without effect on one node.", "min.insync.replicas"},
    {"preallocate", kBoolean, "false", "Without effect: the broker decides by itself.",
     "log.preallocate"},
    {"remote.log.copy.disable", kBoolean, "false", "Without effect: there is no remote storage."},
    {"remote.log.delete.on.disable", kBoolean, "false",
     "Without effect: there is no remote storage."},
    {"remote.storage.enable", kBoolean, "false", "Only false: there is no remote storage."},
    {"retention.bytes", kLong, "-1", "Closed segments beyond this size go. -1: no limit.",
     "log.retention.bytes"},
    {"retention.ms", kLong, "604800000", "Closed segments older than this go. -1: no limit.",
     "log.retention.ms"},
    {"segment.bytes", kInt, "1073741824", "A segment of this size is closed.", "log.segment.bytes"},
    {"segment.index.bytes", kInt, "10485760", "Without effect: indexes grow as needed.",
     "log.index.size.max.bytes"},
    {"segment.jitter.ms", kLong, "0", "Without effect on one node.", "log.roll.jitter.ms"},
    {"segment.ms", kLong, "604800000", "A segment of this age is closed.", "log.roll.ms"},
    {"unclean.leader.election.enable", kBoolean, "false", "Without effect on one node.",
     "unclean.leader.election.enable"},
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

// The words of a list, without the spaces around them.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    words.push_back(word);
    begin = end + 1;
  }
  return words;
}

Result<void> parse_cleanup_policy(std::string_view value, TopicSettings& settings) {
  bool deletes = false;
  for (const std::string_view word : words_of(value)) {
    if (word == "compact") {
      settings.compacted = true;
    } else if (word == "delete") {
      deletes = true;
    } else {
      return fail(Errc::kInvalidArgument,
                  "topic config cleanup.policy={}: expected delete, compact or both", value);
    }
  }
  auto& partition = settings.partition;
  settings.deletes = deletes;
  if (!deletes) {
    partition.retention_ms = -1;
    partition.retention_bytes = -1;
  }
  if (settings.compacted) {
    partition.compact = true;
    // What lies in the active segment is not compacted, so it may not stay there longer.
    partition.segment_age_max = std::min(partition.segment_age_max, partition.compaction_lag_max);
  }
  return {};
}

Result<void> apply_text(std::string_view name, std::string_view value, TopicSettings& settings) {
  if (name == "compression.type") {
    if (value == "producer") return {};
    settings.codec = value == "uncompressed" ? kafka::Codec::kNone : kafka::codec_from_name(value);
    if (settings.codec && value != "none") return {};
    return fail(Errc::kInvalidArgument,
                "topic config compression.type={}: expected producer, uncompressed, gzip, snappy, "
                "lz4 or zstd",
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

std::chrono::milliseconds duration(int64_t milliseconds) {
  return std::chrono::milliseconds(std::min(milliseconds, kForever.count()));
}

constexpr NumberRule kNumberRules[] = {
    {"compression.gzip.level", -1, 9, [](TopicSettings&, int64_t) {}},
    {"compression.lz4.level", 1, 17, [](TopicSettings&, int64_t) {}},
    {"compression.zstd.level", -131'072, 22, [](TopicSettings&, int64_t) {}},
    {"delete.retention.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.delete_retention = duration(v); }},
    {"file.delete.delay.ms", 0, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"flush.messages", 1, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"flush.ms", 0, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"index.interval.bytes", 0, INT32_MAX,
     [](TopicSettings& s, int64_t v) {
       s.partition.index_interval_bytes = static_cast<uint32_t>(v);
     }},
    {"local.retention.bytes", -2, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"local.retention.ms", -2, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"max.compaction.lag.ms", 1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.compaction_lag_max = duration(v); }},
    {"max.message.bytes", 0, INT32_MAX,
     [](TopicSettings& s, int64_t v) { s.batch_bytes_max = static_cast<size_t>(v); }},
    {"message.timestamp.after.max.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.timestamp_after_max_ms = v; }},
    {"message.timestamp.before.max.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.timestamp_before_max_ms = v; }},
    {"min.compaction.lag.ms", 0, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.compaction_lag_min = duration(v); }},
    {"min.insync.replicas", 1, INT32_MAX, [](TopicSettings&, int64_t) {}},
    {"retention.bytes", -1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.retention_bytes = v; }},
    {"retention.ms", -1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.retention_ms = v; }},
    {"segment.bytes", 14, INT32_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.segment_bytes = static_cast<uint64_t>(v); }},
    {"segment.index.bytes", 4, INT32_MAX, [](TopicSettings&, int64_t) {}},
    {"segment.jitter.ms", 0, INT64_MAX, [](TopicSettings&, int64_t) {}},
    {"segment.ms", 1, INT64_MAX,
     [](TopicSettings& s, int64_t v) { s.partition.segment_age_max = duration(v); }},
};

}  // namespace

std::span<const TopicConfigInfo> topic_config_infos() { return kConfigs; }

const TopicConfigInfo* find_topic_config(std::string_view name) {
  const auto found = std::ranges::find(kConfigs, name, &TopicConfigInfo::name);
  return found == std::end(kConfigs) ? nullptr : found;
}

Result<void> change_config(TopicConfigMap& current, const ConfigChange& change, ConfigType type,
                           std::string_view default_value) {
  if (change.operation == ConfigOperation::kSet) {
    current.insert_or_assign(change.name, change.value);
    return {};
  }
  if (change.operation == ConfigOperation::kDelete) {
    current.erase(change.name);
    return {};
  }
  const bool append = change.operation == ConfigOperation::kAppend;
  if (type != kList) {
    return fail(Errc::kInvalidArgument, "nothing can be {} {}: it is not a list",
                append ? "appended to" : "taken from", change.name);
  }
  const auto set = current.find(change.name);
  const std::string old(set == current.end() ? default_value : set->second);
  std::vector<std::string_view> words;
  for (const auto word : words_of(old)) {
    if (!word.empty()) words.push_back(word);
  }
  for (const auto word : words_of(change.value)) {
    const auto there = std::ranges::find(words, word);
    if (append && there == words.end()) words.push_back(word);
    if (!append && there != words.end()) words.erase(there);
  }
  current.insert_or_assign(change.name, fmt::format("{}", fmt::join(words, ",")));
  return {};
}

Result<TopicSettings> parse_topic_configs(const TopicConfigMap& configs) {
  TopicSettings settings;
  settings.partition.retention_ms = 604'800'000;
  for (const auto& [name, value] : configs) {
    const auto* const info = find_topic_config(name);
    if (info == nullptr) {
      return fail(Errc::kInvalidArgument, "topic config {} is unknown", name);
    }
    FRESHET_TRY(check_type(*info, value));
    FRESHET_TRY(apply_text(name, value, settings));
    if (name == "min.cleanable.dirty.ratio") {
      FRESHET_ASSIGN(settings.partition.dirty_ratio_min,
                     parse_number<double>(name, value, 0.0, 1.0));
    }
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
  if (settings.partition.compaction_lag_min > settings.partition.compaction_lag_max) {
    return fail(Errc::kInvalidArgument,
                "topic config min.compaction.lag.ms={}: expected at most max.compaction.lag.ms, {}",
                settings.partition.compaction_lag_min.count(),
                settings.partition.compaction_lag_max.count());
  }
  return settings;
}

}  // namespace freshet::broker
