// Where the value of a config may come from: the numbers of DescribeConfigs and CreateTopics
// (KIP-226, KIP-525).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/topic_config.h"
#include "broker/topic_registry.h"

namespace freshet::broker {

inline constexpr int8_t kSourceTopic = 1;          // DYNAMIC_TOPIC_CONFIG
inline constexpr int8_t kSourceBroker = 2;         // DYNAMIC_BROKER_CONFIG
inline constexpr int8_t kSourceDefaultBroker = 3;  // DYNAMIC_DEFAULT_BROKER_CONFIG
inline constexpr int8_t kSourceStaticBroker = 4;   // STATIC_BROKER_CONFIG
inline constexpr int8_t kSourceDefault = 5;        // DEFAULT_CONFIG

struct ConfigCandidate {
  std::string name;
  std::string value;
  int8_t source = kSourceDefault;
};

/// Of a config of the broker that can be changed at run time: the strongest first, its default
/// last.
[[nodiscard]] std::vector<ConfigCandidate> broker_config_candidates(const BrokerConfigs& broker,
                                                                    const std::string& name,
                                                                    std::string_view default_value);

/// Of a topic config; never empty. The first one holds.
[[nodiscard]] std::vector<ConfigCandidate> topic_config_candidates(const TopicConfigInfo& info,
                                                                   const TopicConfigMap& topic,
                                                                   const BrokerConfigs& broker);

}  // namespace freshet::broker
