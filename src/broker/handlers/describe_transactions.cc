#include "kafka/messages/describe_transactions.h"

#include "broker/handlers/answered_once.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::DescribeTransactionsResponse;

Response::Transaction describe(std::string id, const std::optional<Transaction>& transaction) {
  Response::Transaction out;
  out.transactional_id = std::move(id);
  out.transaction_start_time_ms = -1;
  out.producer_id = -1;
  out.producer_epoch = -1;
  if (!transaction) {
    out.error_code = ErrorCode::kTransactionalIdNotFound;
    return out;
  }
  out.transaction_state = transaction_state_name(transaction->state);
  out.transaction_timeout_ms = transaction->timeout_ms;
  out.transaction_start_time_ms = transaction->started_ms;
  out.producer_id = transaction->producer.id;
  out.producer_epoch = transaction->producer.epoch;
  for (const TopicPartition& tp : transaction->partitions) {
    if (out.topics.empty() || out.topics.back().topic != tp.topic) {
      out.topics.emplace_back().topic = tp.topic;
    }
    out.topics.back().partitions.push_back(tp.partition);
  }
  return out;
}

}  // namespace

void handle_describe_transactions(CallPtr call, kafka::DescribeTransactionsRequest request) {
  Response response;
  const TransactionCoordinator& transactions = call->services().transactions;
  drop_repeated(request.transactional_ids, [](const std::string& id) { return id; });
  for (std::string& id : request.transactional_ids) {
    auto found = id.empty() ? std::nullopt : transactions.describe(id);
    auto out = describe(std::move(id), found);
    if (out.transactional_id.empty()) out.error_code = ErrorCode::kInvalidRequest;
    response.transaction_states.push_back(std::move(out));
  }
  call->answer(response);
}

}  // namespace freshet::broker
