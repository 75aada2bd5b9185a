// DescribeClientQuotas and AlterClientQuotas: limits of users and client ids. Those that would not
// hold here, of addresses and on changes of topics, are refused.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "broker/call.h"
#include "broker/handlers/handlers.h"
#include "kafka/messages/alter_client_quotas.h"
#include "kafka/messages/describe_client_quotas.h"

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

Refusal check_op(const AlterRequest::Op& op) {
  if (op.remove) return {};
  if (!(op.value > 0) || !std::isfinite(op.value)) {
    return {ErrorCode::kInvalidRequest,
            fmt::format("the limit {} must be above 0, not {}", op.key, op.value)};
  }
  const auto kind = quota_kind_of(op.key);
  if (!kind) {
    return {ErrorCode::kUnsupportedVersion,
            fmt::format("the limit {} is not supported yet: it would not hold", op.key)};
  }
  if (*kind != QuotaKind::kRequest && std::trunc(op.value) != op.value) {
    return {
        ErrorCode::kInvalidRequest,
        fmt::format("the limit {} is a whole number of bytes a second, not {}", op.key, op.value)};
  }
  return {};
}

Refusal check_ops(const AlterRequest::Entry& entry) {
  for (const auto& op : entry.ops) {
    if (!is_limit_of(entry.entity, op.key)) {
      return {ErrorCode::kInvalidRequest, fmt::format("unknown limit '{}'", op.key)};
    }
  }
  for (const auto& op : entry.ops) {
    if (Refusal refusal = check_op(op); refusal.code != ErrorCode::kNone) return refusal;
  }
  return {};
}

/// What a checked entry asks for. Limits of other kinds are never there, so removing one is done.
std::vector<QuotaChange> changes_of(const AlterRequest::Entry& entry) {
  QuotaEntity entity;
  for (const auto& part : entry.entity) {
    QuotaName name = part.entity_name ? QuotaName::of(*part.entity_name) : QuotaName::any();
    if (part.entity_type == kUser) {
      entity.user = std::move(name);
    } else if (part.entity_type == kClientId) {
      entity.client_id = std::move(name);
    }
  }
  std::vector<QuotaChange> changes;
  for (const auto& op : entry.ops) {
    const auto kind = quota_kind_of(op.key);
    if (!kind || entry.entity.front().entity_type == kIp) continue;
    changes.push_back({entity, *kind, op.remove ? std::nullopt : std::optional(op.value)});
  }
  return changes;
}

using Component = kafka::DescribeClientQuotasRequest::Component;
using DescribeEntry = kafka::DescribeClientQuotasResponse::Entry;

const QuotaName& part_of(const QuotaEntity& entity, std::string_view type) {
  static const QuotaName absent;
  if (type == kUser) return entity.user;
  return type == kClientId ? entity.client_id : absent;
}

bool matches(const QuotaEntity& entity, const Component& component) {
  const QuotaName& name = part_of(entity, component.entity_type);
  switch (component.match_type) {
    case 0:
      return name == QuotaName::of(component.match.value_or(""));
    case 1:
      return name == QuotaName::any();
    default:
      return name.kind != QuotaName::Kind::kAbsent;
  }
}

bool matches(const QuotaEntity& entity, const kafka::DescribeClientQuotasRequest& filter) {
  const auto is_in = [&](std::string_view type) {
    return part_of(entity, type).kind != QuotaName::Kind::kAbsent ? 1U : 0U;
  };
  if (filter.strict && is_in(kUser) + is_in(kClientId) != filter.components.size()) return false;
  return std::ranges::all_of(
      filter.components, [&](const Component& component) { return matches(entity, component); });
}

DescribeEntry describe(const QuotaEntity& entity, const ClientQuotas::Limits& limits) {
  DescribeEntry out;
  for (const std::string_view type : {kUser, kClientId}) {
    const QuotaName& name = part_of(entity, type);
    if (name.kind == QuotaName::Kind::kAbsent) continue;
    auto& part = out.entity.emplace_back();
    part.entity_type = type;
    if (name.kind == QuotaName::Kind::kNamed) part.entity_name = name.name;
  }
  for (const auto& [kind, limit] : limits) {
    out.values.push_back({std::string(quota_name(kind)), limit});
  }
  return out;
}

}  // namespace

void handle_describe_client_quotas(CallPtr call, kafka::DescribeClientQuotasRequest request) {
  kafka::DescribeClientQuotasResponse response;
  Refusal refusal = check_filter(request);
  if (refusal.code == ErrorCode::kNone) {
    auto& entries = response.entries.emplace();
    for (const auto& [entity, limits] : call->services().quotas.list()) {
      if (matches(entity, request)) entries.push_back(describe(entity, limits));
    }
    response.error_message = "";  // as Apache Kafka: not null
  } else {
    response.error_code = refusal.code;
    response.error_message = std::move(refusal.message);
  }
  call->answer(response);
}

void handle_alter_client_quotas(CallPtr call, AlterRequest request) {
  AlterResponse response;
  std::vector<QuotaChange> changes;
  std::vector<size_t> changing;  // which entries the changes are of
  for (auto& entry : request.entries) {
    Refusal refusal = check_entity(entry.entity);
    if (refusal.code == ErrorCode::kNone) refusal = check_ops(entry);
    AlterResponse::Entry& out = response.entries.emplace_back();
    out.error_code = refusal.code;
    if (refusal.code != ErrorCode::kNone) {
      out.error_message = std::move(refusal.message);
    } else if (!request.validate_only) {
      changing.push_back(response.entries.size() - 1);
      std::ranges::move(changes_of(entry), std::back_inserter(changes));
    }
    for (auto& part : entry.entity) {
      out.entity.push_back({std::move(part.entity_type), std::move(part.entity_name)});
    }
  }
  if (changes.empty()) return call->answer(response);
  ClientQuotas& quotas = call->services().quotas;
  quotas.change(std::move(changes), [call = std::move(call), response = std::move(response),
                                     changing](const Result<void>& written) mutable {
    for (const size_t i : changing) {
      if (written) break;
      response.entries[i].error_code = ErrorCode::kKafkaStorageError;
      response.entries[i].error_message = written.error().message();
    }
    call->answer(response);
  });
}

}  // namespace freshet::broker
