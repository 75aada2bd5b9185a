#include "kafka/messages/init_producer_id.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/transaction_errors.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

const Logger logger("broker");

constexpr int16_t kFirstFencedVersion = 4;

void answer(Call& call, ErrorCode code, ProducerIdentity producer) {
  kafka::InitProducerIdResponse response;
  response.error_code = fenced_code(code, call.version(), kFirstFencedVersion);
  response.producer_id = producer.id;
  response.producer_epoch = producer.epoch;
  call.answer(response);
}

// A producer that resets its sequences asks with what it has: a new id serves it as well as a
// bumped epoch, and needs no memory of which ids are in use.
void init_idempotent(CallPtr call) {
  ProducerIds& ids = call->services().producer_ids;
  ids.next([call = std::move(call)](Result<int64_t> id) {
    if (id) return answer(*call, ErrorCode::kNone, {*id, 0});
    logger.error("no producer id could be reserved", kv("error", id.error()));
    answer(*call, ErrorCode::kCoordinatorNotAvailable, {});
  });
}

}  // namespace

void handle_init_producer_id(CallPtr call, kafka::InitProducerIdRequest request) {
  const ProducerIdentity expected{request.producer_id, request.producer_epoch};
  const bool half = (expected.id < 0) != (expected.epoch < 0);
  if (half || (request.transactional_id && request.transactional_id->empty())) {
    return answer(*call, ErrorCode::kInvalidRequest, {});
  }
  if (!request.transactional_id) return init_idempotent(std::move(call));
  TransactionCoordinator& transactions = call->services().transactions;
  transactions.init(*request.transactional_id, Millis(request.transaction_timeout_ms),
                    expected.id < 0 ? std::nullopt : std::optional(expected),
                    [call = std::move(call)](ErrorCode code, ProducerIdentity producer) {
                      answer(*call, code, producer);
                    });
}

}  // namespace freshet::broker
