#include "broker/handlers/config_alteration.h"

#include <map>
#include <set>
#include <utility>

#include "broker/broker_config.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

ErrorCode code_of(const Error& error) {
  switch (error.code()) {
    case Errc::kNotFound:
      return ErrorCode::kUnknownTopicOrPartition;
    case Errc::kInvalidArgument:
    case Errc::kUnsupported:
      return ErrorCode::kInvalidConfig;
    case Errc::kRefused:
      return ErrorCode::kPolicyViolation;
    default:
      return kafka::to_error_code(error);
  }
}

Result<TopicConfigMap> edit(
    const std::vector<ConfigChange>& changes, bool replaces, const TopicConfigMap& current,
    const std::function<const TopicConfigInfo*(std::string_view)>& find_config) {
  TopicConfigMap edited = replaces ? TopicConfigMap() : current;
  for (const ConfigChange& change : changes) {
    const TopicConfigInfo* const info = find_config(change.name);
    if (info == nullptr) {
      return fail(Errc::kInvalidArgument, "config {} is unknown or cannot be changed", change.name);
    }
    FRESHET_TRY(change_config(edited, change, info->type, info->default_value));
  }
  return edited;
}

}  // namespace

void alter_resource(Services& services, ConfigAlteration alteration, bool validate_only,
                    std::move_only_function<void(ConfigOutcome)> done) {
  auto answer = [done = std::move(done)](const Result<void>& outcome) mutable {
    if (outcome) return done({});
    done({code_of(outcome.error()), outcome.error().message()});
  };
  if (alteration.resource_type == kTopicResource) {
    const std::string name = alteration.resource_name;
    services.topics.alter_configs(
        name,
        [alteration = std::move(alteration)](const TopicConfigMap& current) {
          return edit(alteration.changes, alteration.replaces, current, find_topic_config);
        },
        validate_only, std::move(answer));
    return;
  }
  const bool for_node = !alteration.resource_name.empty();
  services.topics.alter_broker_configs(
      for_node,
      [alteration =
           std::move(alteration)](const TopicConfigMap& current) -> Result<TopicConfigMap> {
        FRESHET_ASSIGN(auto edited, edit(alteration.changes, alteration.replaces, current,
                                         find_dynamic_broker_config));
        FRESHET_TRY(check_broker_configs(edited));
        return edited;
      },
      validate_only, std::move(answer));
}

ConfigOutcome check_alteration(const ConfigAlteration& alteration,
                               const std::vector<bool>& has_value) {
  const bool topic = alteration.resource_type == kTopicResource;
  if (!topic && alteration.resource_type != kBrokerResource) {
    return {ErrorCode::kInvalidRequest,
            fmt::format("configs of resource type {} are not supported yet, only those of topics "
                        "(2) and brokers (4)",
                        alteration.resource_type)};
  }
  if (topic && !check_topic_name(alteration.resource_name)) {
    return {ErrorCode::kInvalidTopicException, "not a topic name"};
  }
  if (!topic && !alteration.resource_name.empty() &&
      alteration.resource_name != std::to_string(kNodeId)) {
    return {ErrorCode::kInvalidRequest, fmt::format("broker {} does not exist, the only one is {}",
                                                    alteration.resource_name, kNodeId)};
  }
  std::set<std::string_view> names;
  for (size_t i = 0; i < alteration.changes.size(); ++i) {
    const ConfigChange& change = alteration.changes[i];
    if (!names.insert(change.name).second) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("config {} is in the request more than once", change.name)};
    }
    if (!has_value[i] && change.operation != ConfigOperation::kDelete) {
      return {ErrorCode::kInvalidRequest, fmt::format("config {} has no value", change.name)};
    }
    if (change.value.size() > INT16_MAX || change.name.size() > INT16_MAX) {
      return {ErrorCode::kInvalidConfig,
              fmt::format("a config of {} bytes is too long", change.value.size())};
    }
  }
  return {};
}

void refuse_repeated(const std::vector<ConfigAlteration>& alterations,
                     std::vector<ConfigOutcome>& refusals) {
  std::map<std::pair<int8_t, std::string_view>, int> times;
  for (const auto& one : alterations) ++times[{one.resource_type, one.resource_name}];
  for (size_t i = 0; i < alterations.size(); ++i) {
    if (times[{alterations[i].resource_type, alterations[i].resource_name}] > 1) {
      refusals[i] = {ErrorCode::kInvalidRequest, "each resource may be in a request once"};
    }
  }
}

}  // namespace freshet::broker
