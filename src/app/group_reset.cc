#include "app/group_reset.h"

#include <algorithm>
#include <map>

namespace freshet::app {
namespace {

using Committed = std::map<TopicPartition, Offset>;

Result<std::vector<TopicPartition>> partitions_in(kafka::Admin& admin, const ResetScope& scope,
                                                  const Committed& committed) {
  std::vector<TopicPartition> found;
  for (const std::string& name : scope.topics) {
    FRESHET_ASSIGN(const auto topic, admin.topic(name));
    for (const auto& partition : topic.partitions) found.push_back({name, partition.id});
  }
  if (scope.topics.empty()) {
    for (const auto& [tp, offset] : committed) found.push_back(tp);
  }
  if (!scope.partitions.empty()) {
    std::erase_if(found, [&](const TopicPartition& tp) {
      return std::ranges::find(scope.partitions, tp.partition) == scope.partitions.end();
    });
  }
  if (found.empty()) {
    return fail(Errc::kNotFound,
                "group {} has committed nothing there; name topics with --topic to give it offsets",
                scope.group);
  }
  std::ranges::sort(found);
  return found;
}

Result<std::vector<Offset>> shifted(kafka::Admin& admin,
                                    const std::vector<TopicPartition>& partitions,
                                    const Committed& committed, int64_t records) {
  FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions));
  std::vector<Offset> targets;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const auto current = committed.find(partitions[i]);
    if (current == committed.end()) {
      return fail(Errc::kInvalidArgument,
                  "partition {} has no committed offset to count from; use --to for it",
                  partitions[i]);
    }
    // No overflow: `records` is at most 2^62 on the command line, offsets are below 2^62 here.
    const int64_t behind = std::clamp<int64_t>(records, -current->second.value(),
                                               INT64_MAX / 2 - current->second.value());
    targets.push_back(
        std::clamp(current->second + behind, bounds[i].log_start, bounds[i].high_watermark));
  }
  return targets;
}

}  // namespace

Result<std::vector<PlannedOffset>> plan_reset(kafka::Admin& admin, const ResetScope& scope,
                                              const ResetRule& rule) {
  FRESHET_ASSIGN(const auto offsets, admin.committed(scope.group));
  Committed committed;
  for (const auto& offset : offsets) committed.emplace(offset.tp, offset.offset);
  FRESHET_ASSIGN(const auto partitions, partitions_in(admin, scope, committed));
  std::vector<Offset> targets;
  if (const auto* shift = std::get_if<ShiftBy>(&rule)) {
    FRESHET_ASSIGN(targets, shifted(admin, partitions, committed, shift->records));
  } else {
    FRESHET_ASSIGN(const auto positions,
                   resolve_start(admin, partitions, std::get<StartRule>(rule)));
    for (const auto& position : positions) targets.push_back(position.offset);
  }
  std::vector<PlannedOffset> plan;
  for (size_t i = 0; i < partitions.size(); ++i) {
    const auto current = committed.find(partitions[i]);
    plan.push_back({partitions[i],
                    current == committed.end() ? std::nullopt : std::optional(current->second),
                    targets[i]});
  }
  return plan;
}

Result<void> require_no_members(const kafka::GroupDescription& group) {
  if (group.members.empty()) return {};
  std::string names;
  for (const auto& member : group.members) {
    if (!names.empty()) names += ", ";
    names += fmt::format("{} (client {} at {})", member.member_id, member.client_id, member.host);
  }
  return fail(Errc::kRefused, "group {} has {} {}: {}; stop them first", group.id,
              group.members.size(), group.members.size() == 1 ? "member" : "members", names);
}

}  // namespace freshet::app
