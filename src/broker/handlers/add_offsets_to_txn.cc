#include "kafka/messages/add_offsets_to_txn.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/transaction_errors.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

constexpr int16_t kFirstFencedVersion = 2;

}  // namespace

void handle_add_offsets_to_txn(CallPtr call, kafka::AddOffsetsToTxnRequest request) {
  TransactionCoordinator& transactions = call->services().transactions;
  auto answer = [call = std::move(call)](ErrorCode code) {
    kafka::AddOffsetsToTxnResponse response;
    response.error_code = fenced_code(code, call->version(), kFirstFencedVersion);
    call->answer(response);
  };
  if (request.transactional_id.empty()) return answer(ErrorCode::kInvalidRequest);
  transactions.add_offsets(request.transactional_id, {request.producer_id, request.producer_epoch},
                           std::move(answer));
}

}  // namespace freshet::broker
