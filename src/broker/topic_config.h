// Kafka's topic configs: which names exist, which values this broker accepts, and what they mean
// for a partition.
//
// A name that Kafka does not know is an error. A known one is stored if it works here or changes
// nothing on one durable node; if honouring it would need something that is not there, it is
// refused with a sentence.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "broker/storage/partition_log.h"
#include "kafka/compression.h"

namespace freshet::broker {

/// As given by a client: name -> value, only what was set.
using TopicConfigMap = std::map<std::string, std::string>;

/// The types of DescribeConfigs.
enum class ConfigType : int8_t {
  kUnknown = 0,
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
};

struct TopicConfigInfo {
  std::string_view name;
  ConfigType type;
  std::string_view default_value;
  std::string_view documentation;
  /// The broker config that is the default of this one for topics that do not set it; empty: none.
  std::string_view broker_name = {};
};

/// In alphabetical order.
[[nodiscard]] std::span<const TopicConfigInfo> topic_config_infos();
/// nullptr: no topic config of Kafka has this name.
[[nodiscard]] const TopicConfigInfo* find_topic_config(std::string_view name);

/// As IncrementalAlterConfigs numbers them.
enum class ConfigOperation : int8_t { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };

struct ConfigChange {
  ConfigOperation operation = ConfigOperation::kSet;
  std::string name;
  std::string value;  // of kAppend and kSubtract: words with commas between them
};

/// `current` with one change made to it. kAppend and kSubtract begin with `default_value` where
/// nothing is set, skip words that are there (or not there) already, and are kInvalidArgument for
/// whatever is no list.
Result<void> change_config(TopicConfigMap& current, const ConfigChange& change, ConfigType type,
                           std::string_view default_value);

/// What the broker itself looks at.
struct TopicSettings {
  PartitionConfig partition;
  size_t batch_bytes_max = 1'048'588;  // max.message.bytes
  bool compacted = false;              // cleanup.policy has compact: records need keys
  bool deletes = true;                 // cleanup.policy has delete
  bool log_append_time = false;        // message.timestamp.type
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = 3'600'000;
  std::optional<kafka::Codec> codec;  // compression.type; nullopt: as the producer made it
};

/// kInvalidArgument: an unknown name or an impossible value. kUnsupported: see above.
Result<TopicSettings> parse_topic_configs(const TopicConfigMap& configs);

}  // namespace freshet::broker
