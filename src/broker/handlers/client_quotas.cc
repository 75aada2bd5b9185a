// DescribeClientQuotas and AlterClientQuotas of a broker that limits no client: there is nothing to
// list and nothing to remove, and setting a limit says that it would not hold.
#include <cmath>
#include <set>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

constexpr std::string_view kUser = "user";
constexpr std::string_view kClientId = "client-id";
constexpr std::string_view kIp = "ip";

struct Refusal {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

bool is_entity_type(std::string_view type) {
  return type == kUser || type == kClientId || type == kIp;
}

Refusal check_match(const kafka::DescribeClientQuotasRequest::Component& component) {
  constexpr int8_t kExact = 0;
  constexpr int8_t kDefault = 1;
  constexpr int8_t kAny = 2;
  switch (component.match_type) {
    case kExact:
      if (component.match) return {};
      return {ErrorCode::kInvalidRequest, "match type 0 (this name) needs a name to match"};
    case kDefault:
    case kAny:
      if (!component.match) return {};
      return {ErrorCode::kInvalidRequest,
              fmt::format("match type {} takes no name to match, but '{}' is there",
                          component.match_type, *component.match)};
    default:
      return {ErrorCode::kInvalidRequest,
              fmt::format("unknown match type {}", component.match_type)};
  }
}

Refusal check_filter(const kafka::DescribeClientQuotasRequest& request) {
  std::set<std::string_view> types;
  for (const auto& component : request.components) {
    const std::string_view type = component.entity_type;
    if (type.empty()) return {ErrorCode::kInvalidRequest, "an entity type is empty"};
    if (!types.insert(type).second) {
      return {ErrorCode::kInvalidRequest, fmt::format("entity type '{}' appears twice", type)};
    }
    if (!is_entity_type(type)) {
      return {ErrorCode::kUnsupportedVersion, fmt::format("unknown entity type '{}'", type)};
    }
    if (Refusal match = check_match(component); match.code != ErrorCode::kNone) return match;
  }
  if (types.contains(kIp) && types.size() > 1) {
    return {ErrorCode::kInvalidRequest, "entity type 'ip' stands beside no other"};
  }
  return {};
}

using AlterRequest = kafka::AlterClientQuotasRequest;
using AlterResponse = kafka::AlterClientQuotasResponse;

Refusal check_entity(const std::vector<AlterRequest::Entity>& entity) {
  if (entity.empty()) return {ErrorCode::kInvalidRequest, "the entity is empty"};
  std::set<std::string_view> types;
  for (const auto& part : entity) {
    if (!types.insert(part.entity_type).second) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("entity type '{}' appears twice", part.entity_type)};
    }
    if (!is_entity_type(part.entity_type)) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("unknown entity type '{}'", part.entity_type)};
    }
    if (part.entity_name && part.entity_name->empty()) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("the name of entity type '{}' is empty", part.entity_type)};
    }
  }
  if (types.contains(kIp) && types.size() > 1) {
    return {ErrorCode::kInvalidRequest, "entity type 'ip' stands beside no other"};
  }
  return {};
}

/// The limits that Apache Kafka has for this kind of entity.
bool is_limit_of(const std::vector<AlterRequest::Entity>& entity, std::string_view key) {
  if (entity.front().entity_type == kIp) return key == "connection_creation_rate";
  return key == "producer_byte_rate" || key == "consumer_byte_rate" ||
         key == "request_percentage" || key == "controller_mutation_rate";
}

Refusal check_ops(const AlterRequest::Entry& entry) {
  for (const auto& op : entry.ops) {
    if (!is_limit_of(entry.entity, op.key)) {
      return {ErrorCode::kInvalidRequest, fmt::format("unknown limit '{}'", op.key)};
    }
  }
  for (const auto& op : entry.ops) {
    if (op.remove) continue;
    if (!(op.value > 0) || !std::isfinite(op.value)) {
      return {ErrorCode::kInvalidRequest,
              fmt::format("the limit {} must be above 0, not {}", op.key, op.value)};
    }
    return {ErrorCode::kUnsupportedVersion,
            fmt::format("limits on clients are not supported yet: {} would not hold", op.key)};
  }
  return {};
}

}  // namespace

void handle_describe_client_quotas(CallPtr call, kafka::DescribeClientQuotasRequest request) {
  kafka::DescribeClientQuotasResponse response;
  Refusal refusal = check_filter(request);
  if (refusal.code == ErrorCode::kNone) {
    response.entries.emplace();
    response.error_message = "";  // as Apache Kafka: not null
  } else {
    response.error_code = refusal.code;
    response.error_message = std::move(refusal.message);
  }
  call->answer(response);
}

void handle_alter_client_quotas(CallPtr call, AlterRequest request) {
  AlterResponse response;
  for (auto& entry : request.entries) {
    Refusal refusal = check_entity(entry.entity);
    if (refusal.code == ErrorCode::kNone) refusal = check_ops(entry);
    AlterResponse::Entry& out = response.entries.emplace_back();
    out.error_code = refusal.code;
    if (refusal.code != ErrorCode::kNone) out.error_message = std::move(refusal.message);
    for (auto& part : entry.entity) {
      out.entity.push_back({std::move(part.entity_type), std::move(part.entity_name)});
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
