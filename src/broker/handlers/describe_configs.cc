#include "kafka/messages/describe_configs.h"

#include <algorithm>
#include <utility>

#include "broker/broker_config.h"
#include "broker/handlers/answered_once.h"
#include "broker/handlers/config_alteration.h"
#include "broker/handlers/config_source.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::DescribeConfigsResponse;

bool is_wanted(const kafka::DescribeConfigsRequest::Resource& resource, std::string_view name) {
  return !resource.configuration_keys || std::ranges::find(*resource.configuration_keys, name) !=
                                             resource.configuration_keys->end();
}

// The strongest first; KIP-226 calls them synonyms.
using Candidates = std::vector<ConfigCandidate>;

Response::Config make_config(std::string_view name, const Candidates& candidates, ConfigType type,
                             std::string_view documentation,
                             const kafka::DescribeConfigsRequest& request) {
  Response::Config config;
  config.name = name;
  config.value = candidates.front().value;
  config.config_source = candidates.front().source;
  config.config_type = static_cast<int8_t>(type);
  if (request.include_documentation) config.documentation = std::string(documentation);
  if (request.include_synonyms) {
    for (const auto& [name, value, source] : candidates) {
      config.synonyms.push_back({name, value, source});
    }
  }
  return config;
}

void describe_topic(const Services& services, const kafka::DescribeConfigsRequest& request,
                    const kafka::DescribeConfigsRequest::Resource& resource,
                    Response::Resource& out) {
  const TopicPtr topic = services.topics.find(resource.resource_name);
  if (!topic) {
    const bool valid = check_topic_name(resource.resource_name).has_value();
    out.error_code =
        valid ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kInvalidTopicException;
    out.error_message = valid ? "there is no such topic" : "not a topic name";
    return;
  }
  const auto broker_configs = services.topics.broker_configs();
  for (const TopicConfigInfo& info : topic_config_infos()) {
    if (!is_wanted(resource, info.name)) continue;
    const std::string name(info.name);
    const auto candidates = topic_config_candidates(info, topic->configs, *broker_configs);
    auto config = make_config(name, candidates, info.type, info.documentation, request);
    // A default without a name at the broker is no synonym of anything.
    if (info.broker_name.empty() && config.config_source == kSourceDefault) config.synonyms.clear();
    out.configs.push_back(std::move(config));
  }
}

// The broker's own configs that can be changed; of all brokers together (resource "") only those
// that were.
void describe_dynamic(const Services& services, const kafka::DescribeConfigsRequest& request,
                      const kafka::DescribeConfigsRequest::Resource& resource,
                      Response::Resource& out) {
  const auto configs = services.topics.broker_configs();
  for (const TopicConfigInfo& info : dynamic_broker_configs()) {
    if (!is_wanted(resource, info.name)) continue;
    const std::string name(info.name);
    Candidates candidates;
    if (!resource.resource_name.empty()) {
      candidates = broker_config_candidates(*configs, name, info.default_value);
    } else if (const auto set = configs->for_all.find(name); set != configs->for_all.end()) {
      candidates.push_back({name, set->second, kSourceDefaultBroker});
    } else {
      continue;
    }
    out.configs.push_back(make_config(name, candidates, info.type, info.documentation, request));
  }
}

void describe_broker(const Services& services, const kafka::DescribeConfigsRequest& request,
                     const kafka::DescribeConfigsRequest::Resource& resource,
                     Response::Resource& out) {
  if (!resource.resource_name.empty() && resource.resource_name != std::to_string(kNodeId)) {
    out.error_code = ErrorCode::kInvalidRequest;
    out.error_message = fmt::format("broker {} does not exist, the only one is {}",
                                    resource.resource_name, kNodeId);
    return;
  }
  if (resource.resource_name.empty()) return describe_dynamic(services, request, resource, out);
  struct Setting {
    std::string_view name;
    std::string value;
    ConfigType type;
    std::string_view documentation;
  };
  const BrokerOptions& options = services.options;
  const Setting settings[] = {
      {"advertised.listeners",
       fmt::format("{}://{}:{}", options.security.protocol(), services.advertised_host,
                   services.advertised_port.load()),
       ConfigType::kString, "Where clients connect to."},
      {"auto.create.topics.enable", options.auto_create_topics ? "true" : "false",
       ConfigType::kBoolean, "Whether Metadata creates the topics it is asked for."},
      {"broker.id", std::to_string(kNodeId), ConfigType::kInt, "The id of this node."},
      {"default.replication.factor", "1", ConfigType::kInt, "One node holds one replica."},
      {"delete.topic.enable", "true", ConfigType::kBoolean, "Whether topics can be deleted."},
      {"group.initial.rebalance.delay.ms", std::to_string(options.initial_rebalance_delay.count()),
       ConfigType::kInt, "How long a new group waits for more members."},
      {"group.max.size", std::to_string(options.group_members_max), ConfigType::kInt,
       "How many members a group may have."},
      {"group.max.session.timeout.ms", std::to_string(options.session_timeout_max.count()),
       ConfigType::kInt, "The longest session timeout a member may ask for."},
      {"group.min.session.timeout.ms", std::to_string(options.session_timeout_min.count()),
       ConfigType::kInt, "The shortest session timeout a member may ask for."},
      {"log.dirs", options.data_dir.string(), ConfigType::kString, "Where the log is kept."},
      {"node.id", std::to_string(kNodeId), ConfigType::kInt, "The id of this node."},
      {"num.partitions", std::to_string(options.default_partitions), ConfigType::kInt,
       "Partitions of a topic that does not say how many."},
      {"offset.metadata.max.bytes", std::to_string(kOffsetMetadataBytesMax), ConfigType::kInt,
       "How long the metadata of a committed offset may be."},
      {"offsets.retention.check.interval.ms",
       std::to_string(options.offsets_retention_check.count()), ConfigType::kLong,
       "How often offsets and groups that nobody uses are looked for."},
      {"offsets.retention.minutes",
       std::to_string(std::chrono::floor<std::chrono::minutes>(options.offsets_retention).count()),
       ConfigType::kInt, "How long the offsets of a group without members are kept."},
      {"socket.request.max.bytes", std::to_string(options.frame_bytes_max), ConfigType::kInt,
       "The largest request."},
  };
  for (const Setting& setting : settings) {
    if (!is_wanted(resource, setting.name)) continue;
    out.configs.push_back(
        make_config(setting.name, {{std::string(setting.name), setting.value, kSourceStaticBroker}},
                    setting.type, setting.documentation, request));
    out.configs.back().read_only = true;
  }
  describe_dynamic(services, request, resource, out);
}

}  // namespace

void handle_describe_configs(CallPtr call, kafka::DescribeConfigsRequest request) {
  Response response;
  drop_repeated(request.resources, [](const auto& resource) {
    return std::pair(resource.resource_type, resource.resource_name);
  });
  for (const auto& resource : request.resources) {
    Response::Resource& out = response.results.emplace_back();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    switch (resource.resource_type) {
      case kTopicResource:
        describe_topic(call->services(), request, resource, out);
        break;
      case kBrokerResource:
        describe_broker(call->services(), request, resource, out);
        break;
      default:
        out.error_code = ErrorCode::kInvalidRequest;
        out.error_message = fmt::format(
            "resource type {} is not supported yet, only topics (2) "
            "and brokers (4)",
            resource.resource_type);
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
