// Kafka's broker configs that can be changed while the broker runs: the defaults of topic configs,
// and some that are accepted because tools set them and that mean nothing on this broker. What
// BrokerOptions says is fixed until the next start and not in here.
#pragma once

#include <span>
#include <string_view>

#include "broker/topic_config.h"

namespace freshet::broker {

/// `default_value` holds unless it is set; named as the broker calls it.
[[nodiscard]] std::span<const TopicConfigInfo> dynamic_broker_configs();
/// nullptr: no config of that name can be changed at run time.
[[nodiscard]] const TopicConfigInfo* find_dynamic_broker_config(std::string_view name);

/// kInvalidArgument: a name that is not among them, or an impossible value.
Result<void> check_broker_configs(const TopicConfigMap& configs);

}  // namespace freshet::broker
