// Kafka's topic configs: which names exist, which values this broker accepts, and what they mean
// for a partition.
//
// A name that Kafka does not know is an error. A known one is stored if it works here or changes
// nothing on one durable node; if honouring it would need something that is not there, it is
// refused with a sentence.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "broker/storage/partition_log.h"

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
};

/// In alphabetical order.
[[nodiscard]] std::span<const TopicConfigInfo> topic_config_infos();

/// What the broker itself looks at.
struct TopicSettings {
  PartitionConfig partition;
  size_t batch_bytes_max = 1'048'588;  // max.message.bytes
  bool compacted = false;              // cleanup.policy has compact: records need keys
  bool log_append_time = false;        // message.timestamp.type
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = 3'600'000;
};

/// kInvalidArgument: an unknown name or an impossible value. kUnsupported: see above.
Result<TopicSettings> parse_topic_configs(const TopicConfigMap& configs);

}  // namespace freshet::broker
