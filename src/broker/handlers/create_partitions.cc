#include "kafka/messages/create_partitions.h"

#include <atomic>
#include <map>
#include <set>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::CreatePartitionsRequest;
using Response = kafka::CreatePartitionsResponse;

/// More partitions in one topic than any sane client asks for.
constexpr int32_t kPartitionsPerTopicMax = 10'000;

struct Pending {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding = 1;

  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

void refuse(Response::Result& out, ErrorCode code, std::string message) {
  out.error_code = code;
  out.error_message = std::move(message);
}

ErrorCode code_of(const Error& error) {
  switch (error.code()) {
    case Errc::kNotFound:
      return ErrorCode::kUnknownTopicOrPartition;
    case Errc::kInvalidArgument:
      return ErrorCode::kInvalidPartitions;
    case Errc::kRefused:
      return ErrorCode::kInvalidTopicException;
    case Errc::kTooLarge:
      return ErrorCode::kPolicyViolation;
    default:
      return kafka::to_error_code(error);
  }
}

// What can be said against it without looking at the topic. Assignments may only name this node.
bool is_refused(const Request::Topic& wanted, int32_t there, Response::Result& out) {
  if (wanted.count < 1 || wanted.count > kPartitionsPerTopicMax) {
    refuse(out, ErrorCode::kInvalidPartitions,
           fmt::format("{} partitions, expected 1 to {}", wanted.count, kPartitionsPerTopicMax));
    return true;
  }
  if (!wanted.assignments || wanted.count <= there) return false;
  if (wanted.assignments->size() != static_cast<size_t>(wanted.count - there)) {
    refuse(out, ErrorCode::kInvalidReplicaAssignment,
           fmt::format("{} new partitions have {} assignments", wanted.count - there,
                       wanted.assignments->size()));
    return true;
  }
  for (const auto& assignment : *wanted.assignments) {
    if (assignment.broker_ids == std::vector{kNodeId}) continue;
    refuse(out, ErrorCode::kInvalidReplicaAssignment,
           fmt::format("the only broker is {}", kNodeId));
    return true;
  }
  return false;
}

}  // namespace

void handle_create_partitions(CallPtr call, kafka::CreatePartitionsRequest request) {
  Services& services = call->services();
  auto pending = std::make_shared<Pending>();
  pending->call = std::move(call);
  std::map<std::string, int> names;
  for (const auto& topic : request.topics) ++names[topic.name];
  // A name that is there twice is answered once, as by Apache Kafka.
  std::set<std::string> seen;
  std::erase_if(request.topics,
                [&](const Request::Topic& topic) { return !seen.insert(topic.name).second; });
  pending->response.results.resize(request.topics.size());

  for (size_t i = 0; i < request.topics.size(); ++i) {
    const Request::Topic& wanted = request.topics[i];
    Response::Result& out = pending->response.results[i];
    out.name = wanted.name;
    if (names[wanted.name] > 1) {
      refuse(out, ErrorCode::kInvalidRequest, "the topic is in the request more than once");
      continue;
    }
    const TopicPtr topic = services.topics.find(wanted.name);
    if (!topic) {
      refuse(out, ErrorCode::kUnknownTopicOrPartition, "there is no such topic");
      continue;
    }
    if (is_refused(wanted, static_cast<int32_t>(topic->partitions.size()), out)) continue;
    ++pending->outstanding;
    services.topics.add_partitions(wanted.name, wanted.count, request.validate_only,
                                   [pending, &out](Result<void> added) {
                                     if (!added) {
                                       refuse(out, code_of(added.error()), added.error().message());
                                     }
                                     pending->done();
                                   });
  }
  pending->done();
}

}  // namespace freshet::broker
