#include "kafka/messages/delete_topics.h"

#include <atomic>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

struct Pending {
  CallPtr call;
  kafka::DeleteTopicsResponse response;
  std::atomic<size_t> outstanding = 1;

  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

ErrorCode code_of(const Error& error) {
  switch (error.code()) {
    case Errc::kNotFound:
      return ErrorCode::kUnknownTopicOrPartition;
    case Errc::kRefused:
      return ErrorCode::kInvalidTopicException;
    default:
      return kafka::to_error_code(error);
  }
}

}  // namespace

void handle_delete_topics(CallPtr call, kafka::DeleteTopicsRequest request) {
  Services& services = call->services();
  for (auto& name : request.topic_names) request.topics.push_back({std::move(name), TopicId()});
  auto pending = std::make_shared<Pending>();
  pending->call = std::move(call);
  pending->response.responses.resize(request.topics.size());

  for (size_t i = 0; i < request.topics.size(); ++i) {
    auto& wanted = request.topics[i];
    auto& out = pending->response.responses[i];
    out.name = wanted.name;
    out.topic_id = wanted.topic_id;
    if (wanted.name.has_value() != wanted.topic_id.is_zero()) {
      out.error_code = ErrorCode::kInvalidRequest;
      out.error_message = "a topic is named either by its name or by its id";
      continue;
    }
    const TopicPtr topic =
        wanted.name ? services.topics.find(*wanted.name) : services.topics.find(wanted.topic_id);
    if (!topic) {
      out.error_code =
          wanted.name ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kUnknownTopicId;
      continue;
    }
    out.name = topic->name;
    out.topic_id = topic->id;
    ++pending->outstanding;
    services.topics.remove(
        topic->name, [pending, i, &services, name = topic->name](Result<void> removed) {
          if (removed) {
            services.groups.forget_topics({&name, 1});
          } else {
            pending->response.responses[i].error_code = code_of(removed.error());
            pending->response.responses[i].error_message = removed.error().message();
          }
          pending->done();
        });
  }
  pending->done();
}

}  // namespace freshet::broker
