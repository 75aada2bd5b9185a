#include <algorithm>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::DescribeConfigsResponse;

constexpr int8_t kTopicResource = 2;
constexpr int8_t kBrokerResource = 4;
constexpr int8_t kSourceTopic = 1;         // DYNAMIC_TOPIC_CONFIG
constexpr int8_t kSourceStaticBroker = 4;  // STATIC_BROKER_CONFIG
constexpr int8_t kSourceDefault = 5;       // DEFAULT_CONFIG

bool is_wanted(const kafka::DescribeConfigsRequest::Resource& resource, std::string_view name) {
  return !resource.configuration_keys || std::ranges::find(*resource.configuration_keys, name) !=
                                             resource.configuration_keys->end();
}

Response::Config make_config(std::string_view name, std::string value, int8_t source,
                             ConfigType type, std::string_view documentation,
                             const kafka::DescribeConfigsRequest& request) {
  Response::Config config;
  config.name = name;
  config.value = std::move(value);
  config.config_source = source;
  config.config_type = static_cast<int8_t>(type);
  if (request.include_documentation) config.documentation = std::string(documentation);
  if (request.include_synonyms) {
    config.synonyms.push_back({config.name, config.value, source});
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
  for (const TopicConfigInfo& info : topic_config_infos()) {
    if (!is_wanted(resource, info.name)) continue;
    const auto set = topic->configs.find(std::string(info.name));
    const bool is_set = set != topic->configs.end();
    out.configs.push_back(make_config(
        info.name, is_set ? set->second : std::string(info.default_value),
        is_set ? kSourceTopic : kSourceDefault, info.type, info.documentation, request));
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
  struct Setting {
    std::string_view name;
    std::string value;
    ConfigType type;
    std::string_view documentation;
  };
  const BrokerOptions& options = services.options;
  const Setting settings[] = {
      {"advertised.listeners",
       fmt::format("PLAINTEXT://{}:{}", services.advertised_host, services.advertised_port.load()),
       ConfigType::kString, "Where clients connect to."},
      {"auto.create.topics.enable", options.auto_create_topics ? "true" : "false",
       ConfigType::kBoolean, "Whether Metadata creates the topics it is asked for."},
      {"broker.id", std::to_string(kNodeId), ConfigType::kInt, "The id of this node."},
      {"default.replication.factor", "1", ConfigType::kInt, "One node holds one replica."},
      {"delete.topic.enable", "true", ConfigType::kBoolean, "Whether topics can be deleted."},
      {"group.initial.rebalance.delay.ms", std::to_string(options.initial_rebalance_delay.count()),
       ConfigType::kInt, "How long a new group waits for more members."},
      {"group.max.session.timeout.ms", std::to_string(options.session_timeout_max.count()),
       ConfigType::kInt, "The longest session timeout a member may ask for."},
      {"group.min.session.timeout.ms", std::to_string(options.session_timeout_min.count()),
       ConfigType::kInt, "The shortest session timeout a member may ask for."},
      {"log.dirs", options.data_dir.string(), ConfigType::kString, "Where the log is kept."},
      {"node.id", std::to_string(kNodeId), ConfigType::kInt, "The id of this node."},
      {"num.partitions", std::to_string(options.default_partitions), ConfigType::kInt,
       "Partitions of a topic that does not say how many."},
      {"socket.request.max.bytes", std::to_string(options.frame_bytes_max), ConfigType::kInt,
       "The largest request."},
  };
  for (const Setting& setting : settings) {
    if (!is_wanted(resource, setting.name)) continue;
    out.configs.push_back(make_config(setting.name, setting.value, kSourceStaticBroker,
                                      setting.type, setting.documentation, request));
    out.configs.back().read_only = true;
  }
}

}  // namespace

void handle_describe_configs(CallPtr call, kafka::DescribeConfigsRequest request) {
  Response response;
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
