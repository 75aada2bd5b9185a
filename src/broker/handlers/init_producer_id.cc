#include "broker/handlers/handlers.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

const Logger logger("broker");

}  // namespace

void handle_init_producer_id(CallPtr call, kafka::InitProducerIdRequest request) {
  kafka::InitProducerIdResponse response;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    logger.warn("a transactional producer was refused: transactions are not supported yet",
                kv("client", call->client_id()));
    response.error_code = kafka::ErrorCode::kUnsupportedVersion;
    return call->answer(response);
  }
  // A producer that resets its sequences asks with what it has: a new id serves it as well as a
  // bumped epoch, and needs no memory of which ids are in use.
  ProducerIds& ids = call->services().producer_ids;
  ids.next([call = std::move(call)](Result<int64_t> id) {
    kafka::InitProducerIdResponse answer;
    if (id) {
      answer.producer_id = *id;
      answer.producer_epoch = 0;
    } else {
      logger.error("no producer id could be reserved", kv("error", id.error()));
      answer.error_code = kafka::ErrorCode::kCoordinatorNotAvailable;
      answer.producer_epoch = -1;
    }
    call->answer(answer);
  });
}

}  // namespace freshet::broker
