#include "kafka/messages/alter_configs.h"

#include "broker/handlers/config_alteration.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_alter_configs(CallPtr call, kafka::AlterConfigsRequest request) {
  std::vector<ConfigAlteration> alterations;
  std::vector<ConfigOutcome> refusals;
  for (auto& resource : request.resources) {
    ConfigAlteration alteration{.resource_type = resource.resource_type,
                                .resource_name = std::move(resource.resource_name),
                                .changes = {},
                                .replaces = true};
    std::vector<bool> has_value;
    for (auto& config : resource.configs) {
      has_value.push_back(config.value.has_value());
      alteration.changes.push_back({.operation = ConfigOperation::kSet,
                                    .name = std::move(config.name),
                                    .value = std::move(config.value).value_or("")});
    }
    refusals.push_back(check_alteration(alteration, has_value));
    alterations.push_back(std::move(alteration));
  }
  refuse_repeated(alterations, refusals);
  answer_alterations<kafka::AlterConfigsResponse>(std::move(call), std::move(alterations), refusals,
                                                  request.validate_only);
}

}  // namespace freshet::broker
