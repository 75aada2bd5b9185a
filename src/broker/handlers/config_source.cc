#include "broker/handlers/config_source.h"

#include <algorithm>
#include <iterator>

namespace freshet::broker {

std::vector<ConfigCandidate> broker_config_candidates(const BrokerConfigs& broker,
                                                      const std::string& name,
                                                      std::string_view default_value) {
  std::vector<ConfigCandidate> candidates;
  if (const auto set = broker.for_node.find(name); set != broker.for_node.end()) {
    candidates.push_back({name, set->second, kSourceBroker});
  }
  if (const auto set = broker.for_all.find(name); set != broker.for_all.end()) {
    candidates.push_back({name, set->second, kSourceDefaultBroker});
  }
  candidates.push_back({name, std::string(default_value), kSourceDefault});
  return candidates;
}

std::vector<ConfigCandidate> topic_config_candidates(const TopicConfigInfo& info,
                                                     const TopicConfigMap& topic,
                                                     const BrokerConfigs& broker) {
  const std::string name(info.name);
  std::vector<ConfigCandidate> candidates;
  if (const auto set = topic.find(name); set != topic.end()) {
    candidates.push_back({name, set->second, kSourceTopic});
  }
  if (!info.broker_name.empty()) {
    auto more = broker_config_candidates(broker, std::string(info.broker_name), info.default_value);
    std::ranges::move(more, std::back_inserter(candidates));
  } else if (candidates.empty()) {
    candidates.push_back({name, std::string(info.default_value), kSourceDefault});
  }
  return candidates;
}

}  // namespace freshet::broker
