// DeleteRecords: the log begins at another offset from now on; the answer comes when that is
// durable. Files go when no segment before the offset is left; what readers hold stays readable.
#include "kafka/messages/delete_records.h"

#include <atomic>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::DeleteRecordsRequest;
using Response = kafka::DeleteRecordsResponse;

/// Instead of an offset: everything that is there now.
constexpr int64_t kAll = -1;

struct Pending {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding = 1;

  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

ErrorCode code_of(const Error& error) {
  if (error.code() == Errc::kOutOfRange) return ErrorCode::kOffsetOutOfRange;
  if (error.code() == Errc::kNotFound) return ErrorCode::kUnknownTopicOrPartition;
  return kafka::to_error_code(error);
}

void delete_from(const std::shared_ptr<Pending>& pending, const TopicPtr& topic,
                 const Request::Partition& wanted, Response::Partition& out) {
  const PartitionLogPtr log = topic ? topic->partition(wanted.partition_index) : nullptr;
  out.low_watermark = -1;
  if (!log) {
    out.error_code = ErrorCode::kUnknownTopicOrPartition;
    return;
  }
  if (topic->internal) {
    out.error_code = ErrorCode::kInvalidTopicException;
    return;
  }
  // A compacted topic must keep the last value of each key.
  if (!topic->settings.deletes) {
    out.error_code = ErrorCode::kPolicyViolation;
    return;
  }
  const Offset to = wanted.offset == kAll ? log->high_watermark() : Offset(wanted.offset);
  if (to < Offset(0) || to > log->high_watermark()) {
    out.error_code = ErrorCode::kOffsetOutOfRange;
    return;
  }
  ++pending->outstanding;
  log->delete_before(to, [pending, &out](Result<Offset> start) {
    if (start) {
      out.low_watermark = start->value();
    } else {
      out.error_code = code_of(start.error());
    }
    pending->done();
  });
}

}  // namespace

void handle_delete_records(CallPtr call, kafka::DeleteRecordsRequest request) {
  Services& services = call->services();
  auto pending = std::make_shared<Pending>();
  pending->call = std::move(call);
  // All rows first: deletions keep references to theirs.
  for (const auto& topic : request.topics) {
    auto& topic_out = pending->response.topics.emplace_back();
    topic_out.name = topic.name;
    for (const auto& wanted : topic.partitions) {
      topic_out.partitions.emplace_back().partition_index = wanted.partition_index;
    }
  }
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const TopicPtr topic = services.topics.find(request.topics[t].name);
    for (size_t p = 0; p < request.topics[t].partitions.size(); ++p) {
      delete_from(pending, topic, request.topics[t].partitions[p],
                  pending->response.topics[t].partitions[p]);
    }
  }
  pending->done();
}

}  // namespace freshet::broker
