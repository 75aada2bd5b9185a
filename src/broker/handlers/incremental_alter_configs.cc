#include "kafka/messages/incremental_alter_configs.h"

#include "broker/handlers/config_alteration.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

constexpr auto kLastOperation = static_cast<int8_t>(ConfigOperation::kSubtract);

}  // namespace

void handle_incremental_alter_configs(CallPtr call, kafka::IncrementalAlterConfigsRequest request) {
  std::vector<ConfigAlteration> alterations;
  std::vector<ConfigOutcome> refusals;
  for (auto& resource : request.resources) {
    ConfigAlteration alteration{.resource_type = resource.resource_type,
                                .resource_name = std::move(resource.resource_name),
                                .changes = {},
                                .replaces = false};
    std::vector<bool> has_value;
    ConfigOutcome unknown;
    for (auto& config : resource.configs) {
      if (config.config_operation < 0 || config.config_operation > kLastOperation) {
        unknown = {kafka::ErrorCode::kInvalidRequest,
                   fmt::format("operation {} on config {} is unknown, expected 0 to {}",
                               config.config_operation, config.name, kLastOperation)};
      }
      has_value.push_back(config.value.has_value());
      alteration.changes.push_back(
          {.operation = static_cast<ConfigOperation>(config.config_operation),
           .name = std::move(config.name),
           .value = std::move(config.value).value_or("")});
    }
    refusals.push_back(unknown.code != kafka::ErrorCode::kNone
                           ? unknown
                           : check_alteration(alteration, has_value));
    alterations.push_back(std::move(alteration));
  }
  refuse_repeated(alterations, refusals);
  answer_alterations<kafka::IncrementalAlterConfigsResponse>(
      std::move(call), std::move(alterations), refusals, request.validate_only);
}

}  // namespace freshet::broker
