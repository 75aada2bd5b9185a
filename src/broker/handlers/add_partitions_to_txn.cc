#include "kafka/messages/add_partitions_to_txn.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/transaction_errors.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

constexpr int16_t kFirstFencedVersion = 2;

ErrorCode check(const TopicPtr& topic, int32_t partition) {
  if (!topic || !topic->partition(partition)) return ErrorCode::kUnknownTopicOrPartition;
  return topic->internal ? ErrorCode::kTopicAuthorizationFailed : ErrorCode::kNone;
}

}  // namespace

void handle_add_partitions_to_txn(CallPtr call, kafka::AddPartitionsToTxnRequest request) {
  kafka::AddPartitionsToTxnResponse response;
  std::set<TopicPartition> partitions;
  bool all = true;
  for (const auto& topic : request.topics) {
    const TopicPtr found = call->services().topics.find(topic.name);
    auto& out = response.results_by_topic.emplace_back();
    out.name = topic.name;
    for (const int32_t partition : topic.partitions) {
      const ErrorCode code = check(found, partition);
      all = all && code == ErrorCode::kNone;
      out.results_by_partition.push_back({partition, code});
      partitions.insert({topic.name, partition});
    }
  }
  // Where there was no error of its own, all share the outcome.
  const auto answer = [](Call& to, kafka::AddPartitionsToTxnResponse& out, ErrorCode code) {
    for (auto& topic : out.results_by_topic) {
      for (auto& partition : topic.results_by_partition) {
        if (partition.partition_error_code != ErrorCode::kNone) continue;
        partition.partition_error_code = fenced_code(code, to.version(), kFirstFencedVersion);
      }
    }
    to.answer(out);
  };
  if (!all) return answer(*call, response, ErrorCode::kOperationNotAttempted);
  if (request.transactional_id.empty()) {
    return answer(*call, response, ErrorCode::kInvalidRequest);
  }
  TransactionCoordinator& transactions = call->services().transactions;
  transactions.add_partitions(request.transactional_id,
                              {request.producer_id, request.producer_epoch}, std::move(partitions),
                              [call = std::move(call), response = std::move(response),
                               answer](ErrorCode code) mutable { answer(*call, response, code); });
}

}  // namespace freshet::broker
