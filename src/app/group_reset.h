// What `freshet group reset` is about to do: which partitions of a group go where.
//
// Pure except for questions to the cluster: nothing is changed here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/start_position.h"
#include "base/error.h"
#include "kafka/client/admin.h"

namespace freshet::app {

/// So many records forward, or back if negative, from what is committed.
struct ShiftBy {
  int64_t records = 0;
};
using ResetRule = std::variant<StartRule, ShiftBy>;

struct ResetScope {
  std::string group;
  std::vector<std::string> topics;  // empty: whatever the group has committed
  std::vector<int32_t> partitions;  // empty: all
};

struct PlannedOffset {
  TopicPartition tp;
  std::optional<Offset> current;  // nullopt: nothing committed
  Offset target;                  // within the log
};

/// By topic and partition. kNotFound if nothing fits the scope; kInvalidArgument if a partition is
/// to be shifted from nothing.
Result<std::vector<PlannedOffset>> plan_reset(kafka::Admin& admin, const ResetScope& scope,
                                              const ResetRule& rule);

/// kRefused, naming every member, while the group has any: they would go on from where they are,
/// and commit over what was set.
Result<void> require_no_members(const kafka::GroupDescription& group);

}  // namespace freshet::app
