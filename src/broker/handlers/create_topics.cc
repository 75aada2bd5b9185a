#include "kafka/messages/create_topics.h"

#include <atomic>
#include <set>

#include "broker/handlers/config_source.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::CreateTopicsRequest;
using Response = kafka::CreateTopicsResponse;

/// More partitions in one request than any sane client asks for.
constexpr int32_t kPartitionsPerTopicMax = 10'000;

struct Refusal {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

Refusal refuse(ErrorCode code, std::string message) { return {code, std::move(message)}; }

/// Manual assignments may only name this node, once for each partition from 0 on.
Refusal take_assignments(const Request::Topic& topic, TopicSpec& spec) {
  if (topic.assignments.empty()) return {};
  if (topic.num_partitions != -1 || topic.replication_factor != -1) {
    return refuse(ErrorCode::kInvalidRequest,
                  "partition count and replication factor must be -1 beside assignments");
  }
  std::set<int32_t> indexes;
  for (const auto& assignment : topic.assignments) {
    if (assignment.broker_ids != std::vector{kNodeId}) {
      return refuse(
          ErrorCode::kInvalidReplicaAssignment,
          fmt::format("partition {}: the only broker is {}", assignment.partition_index, kNodeId));
    }
    indexes.insert(assignment.partition_index);
  }
  const auto count = static_cast<int32_t>(topic.assignments.size());
  if (indexes.size() != topic.assignments.size() || *indexes.begin() != 0 ||
      *indexes.rbegin() != count - 1) {
    return refuse(ErrorCode::kInvalidReplicaAssignment,
                  "partitions must be numbered from 0 without gaps");
  }
  spec.partitions = count;
  return {};
}

Refusal to_spec(const Request::Topic& topic, TopicSpec& spec) {
  spec.name = topic.name;
  spec.partitions = topic.num_partitions;
  spec.replication_factor = topic.replication_factor;
  if (auto name = check_topic_name(topic.name); !name) {
    return refuse(ErrorCode::kInvalidTopicException, name.error().message());
  }
  if (topic.num_partitions == 0 || topic.num_partitions < -1 ||
      topic.num_partitions > kPartitionsPerTopicMax) {
    return refuse(ErrorCode::kInvalidPartitions,
                  fmt::format("{} partitions, expected 1 to {}", topic.num_partitions,
                              kPartitionsPerTopicMax));
  }
  if (topic.replication_factor == 0 || topic.replication_factor < -1) {
    return refuse(ErrorCode::kInvalidReplicationFactor,
                  fmt::format("replication factor {}, expected 1", topic.replication_factor));
  }
  for (const auto& config : topic.configs) {
    if (!config.value) {
      return refuse(ErrorCode::kInvalidConfig, fmt::format("config {} has no value", config.name));
    }
    spec.configs.insert_or_assign(config.name, *config.value);
  }
  return take_assignments(topic, spec);
}

ErrorCode code_of(const Error& error) {
  switch (error.code()) {
    case Errc::kAlreadyExists:
      return ErrorCode::kTopicAlreadyExists;
    case Errc::kInvalidArgument:
    case Errc::kUnsupported:
      return ErrorCode::kInvalidConfig;  // name, count and factor were looked at before
    case Errc::kRefused:
      return ErrorCode::kInvalidReplicationFactor;
    case Errc::kTooLarge:
      return ErrorCode::kPolicyViolation;
    default:
      return kafka::to_error_code(error);
  }
}

void fill_created(Response::Topic& out, const TopicId& id, int32_t partitions,
                  const TopicConfigMap& configs, const BrokerConfigs& broker) {
  out.topic_id = id;
  out.num_partitions = partitions;
  out.replication_factor = 1;
  out.configs.emplace();
  for (const TopicConfigInfo& info : topic_config_infos()) {
    auto holds = topic_config_candidates(info, configs, broker).front();
    out.configs->push_back({std::string(info.name), std::move(holds.value), /*read_only=*/false,
                            holds.source, /*is_sensitive=*/false});
  }
}

struct Pending {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding = 1;

  void refuse(size_t slot, const Refusal& refusal) {
    Response::Topic& out = response.topics[slot];
    out.error_code = refusal.code;
    out.error_message = refusal.message;
    out.configs.emplace();
  }
  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

}  // namespace

void handle_create_topics(CallPtr call, kafka::CreateTopicsRequest request) {
  Services& services = call->services();
  auto pending = std::make_shared<Pending>();
  pending->call = std::move(call);
  std::map<std::string, int> names;
  for (const auto& topic : request.topics) ++names[topic.name];
  // A name that is there twice is answered once, as by Apache Kafka.
  std::set<std::string> seen;
  std::erase_if(request.topics,
                [&](const Request::Topic& topic) { return !seen.insert(topic.name).second; });
  pending->response.topics.resize(request.topics.size());

  for (size_t i = 0; i < request.topics.size(); ++i) {
    const Request::Topic& topic = request.topics[i];
    pending->response.topics[i].name = topic.name;
    TopicSpec spec;
    Refusal refusal = to_spec(topic, spec);
    if (names[topic.name] > 1) {
      refusal = {ErrorCode::kInvalidRequest, "the topic is in the request more than once"};
    }
    if (refusal.code != ErrorCode::kNone) {
      pending->refuse(i, refusal);
      continue;
    }
    const int32_t partitions =
        spec.partitions == -1 ? services.options.default_partitions : spec.partitions;
    if (request.validate_only) {
      if (auto checked = services.topics.check(spec); checked) {
        fill_created(pending->response.topics[i], TopicId(), partitions, spec.configs,
                     *services.topics.broker_configs());
      } else {
        pending->refuse(i, {code_of(checked.error()), checked.error().message()});
      }
      continue;
    }
    ++pending->outstanding;
    services.topics.create(std::move(spec),
                           [pending, &services, i, partitions](Result<TopicPtr> made) {
                             if (made) {
                               fill_created(pending->response.topics[i], (*made)->id, partitions,
                                            (*made)->configs, *services.topics.broker_configs());
                             } else {
                               pending->refuse(i, {code_of(made.error()), made.error().message()});
                             }
                             pending->done();
                           });
  }
  pending->done();
}

}  // namespace freshet::broker
