// What AlterConfigs and IncrementalAlterConfigs share: one resource's configs are changed, and the
// answer says how that went.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "broker/call.h"
#include "broker/topic_config.h"
#include "kafka/error_code.h"

namespace freshet::broker {

/// The numbers of Kafka's ConfigResource.Type.
inline constexpr int8_t kTopicResource = 2;
inline constexpr int8_t kBrokerResource = 4;

struct ConfigAlteration {
  int8_t resource_type = 0;
  std::string resource_name;
  std::vector<ConfigChange> changes;
  bool replaces = false;  // what `changes` does not name returns to its default
};

struct ConfigOutcome {
  kafka::ErrorCode code = kafka::ErrorCode::kNone;
  std::string message;
};

/// Calls `done` once, now or later, on any thread.
void alter_resource(Services& services, ConfigAlteration alteration, bool validate_only,
                    std::move_only_function<void(ConfigOutcome)> done);

/// Refusals that need no look at the resource. `has_value[i]`: whether change i came with one.
ConfigOutcome check_alteration(const ConfigAlteration& alteration,
                               const std::vector<bool>& has_value);

/// Both requests are answered alike; only the names of the types differ. `alterations` and
/// `refusals` go with the resources of the request, in its order.
template <class Response>
void answer_alterations(CallPtr call, std::vector<ConfigAlteration> alterations,
                        const std::vector<ConfigOutcome>& refusals, bool validate_only) {
  struct Pending {
    CallPtr call;
    Response response;
    std::atomic<size_t> outstanding = 1;
    void done() {
      if (outstanding.fetch_sub(1) == 1) call->answer(response);
    }
  };
  auto pending = std::make_shared<Pending>();
  Services& services = call->services();
  pending->call = std::move(call);
  pending->response.responses.resize(alterations.size());
  for (size_t i = 0; i < alterations.size(); ++i) {
    auto& out = pending->response.responses[i];
    out.resource_type = alterations[i].resource_type;
    out.resource_name = alterations[i].resource_name;
    if (refusals[i].code != kafka::ErrorCode::kNone) {
      out.error_code = refusals[i].code;
      out.error_message = refusals[i].message;
      continue;
    }
    ++pending->outstanding;
    alter_resource(services, std::move(alterations[i]), validate_only,
                   [pending, &out](ConfigOutcome outcome) {
                     out.error_code = outcome.code;
                     if (outcome.code != kafka::ErrorCode::kNone) {
                       out.error_message = std::move(outcome.message);
                     }
                     pending->done();
                   });
  }
  pending->done();
}

/// Resources that a request names more than once are refused, each time.
void refuse_repeated(const std::vector<ConfigAlteration>& alterations,
                     std::vector<ConfigOutcome>& refusals);

}  // namespace freshet::broker
