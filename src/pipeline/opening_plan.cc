#include "pipeline/opening_plan.h"

#include <algorithm>

namespace freshet::pipeline {
namespace {

/// Pending ranges tile upwards from the committed offset; anything else was not written by us.
bool tiles_from(Offset committed, const std::vector<OffsetRange>& pending) {
  for (const auto& range : pending) {
    if (range.first != committed) return false;
    committed = range.last + 1;
  }
  return true;
}

ParsedMetadata read_metadata(const kafka::AssignedPartition& assigned) {
  ParsedMetadata parsed = parse_commit_metadata(assigned.metadata);
  if (const auto* ours = std::get_if<CommitMetadata>(&parsed);
      ours != nullptr && !tiles_from(assigned.committed, ours->pending)) {
    return CorruptMetadata{"its pending ranges do not begin at the committed offset"};
  }
  return parsed;
}

std::unexpected<Error> refuse_other_topic(const OpeningFacts& facts, const CommitMetadata& theirs) {
  return fail(Errc::kRefused,
              "{}: topic {} was deleted and created again since group {} committed offset {} "
              "(topic id then {}, now {}), so the same offsets are other records. To read the new "
              "topic, delete the group's position (any Kafka tool: kafka-consumer-groups --delete "
              "--group {}) and the old topic's rows in {}, then start again",
              facts.assigned.tp, facts.assigned.tp.topic, facts.group, facts.assigned.committed,
              theirs.topic_id.to_string(), facts.assigned.topic_id.to_string(), facts.group,
              facts.destination);
}

std::unexpected<Error> refuse_beyond_end(const OpeningFacts& facts, std::string_view what,
                                         Offset offset) {
  return fail(Errc::kRefused,
              "{}: group {} has {} {}, but the log ends at {}: records that were confirmed are no "
              "longer in the log (restored from an older copy?). If that is intended, set the "
              "group's position (any Kafka tool: kafka-consumer-groups --reset-offsets) and start "
              "again",
              facts.assigned.tp, facts.group, what, offset, facts.bounds.high_watermark);
}

Result<OpeningPlan> begin_new_group(const OpeningFacts& facts) {
  if (facts.table_end != kNoOffset) {
    return fail(Errc::kRefused,
                "{}: group {} has no position, yet {} holds rows of this partition up to offset "
                "{}. They may be the same records or those of an older topic of that name. If the "
                "same: set the group's position (kafka-consumer-groups --reset-offsets), and every "
                "record from there on is compared with the table. If not: delete those rows",
                facts.assigned.tp, facts.group, facts.destination, facts.table_end - 1);
  }
  OpeningPlan plan;
  plan.start = plan.confirmed = plan.landed = plan.cut =
      std::max(facts.begin, facts.bounds.log_start);
  return plan;
}

Result<OpeningPlan> begin_untrusted(const OpeningFacts& facts, const ParsedMetadata& parsed) {
  const auto& assigned = facts.assigned;
  if (!facts.provable) {
    return fail(Errc::kRefused,
                "{}: the commit metadata of group {} is {}, so it is unknown which records after "
                "offset {} are in {} already, and the table cannot say (it lacks the columns "
                "_topic, _partition, _offset). Compare by hand, then delete the group and the rows "
                "from there on, or add the columns",
                assigned.tp, facts.group, describe(parsed), assigned.committed, facts.destination);
  }
  OpeningPlan plan;
  plan.start = plan.confirmed = plan.landed = plan.cut = assigned.committed;
  plan.doubt_until = facts.table_end;
  plan.warnings.push_back(
      fmt::format("{}: commit metadata is {}; records from offset {} on are compared with {} "
                  "before they are written, and `verify` proves the partition from there on",
                  assigned.tp, describe(parsed), assigned.committed, facts.destination));
  const Offset behind = std::max(facts.table_end, facts.bounds.log_start);
  if (behind < assigned.committed) {
    plan.warnings.push_back(fmt::format(
        "{}: {} holds no row of offsets {}: unless all of them were rejected, the "
        "group's position skips them and they are not written. To write them, set the "
        "position to {} (kafka-consumer-groups --reset-offsets)",
        assigned.tp, facts.destination, OffsetRange{behind, assigned.committed - 1}, behind));
  }
  return plan;
}

Result<OpeningPlan> begin_where_left(const OpeningFacts& facts, const CommitMetadata& ours) {
  const auto& assigned = facts.assigned;
  if (ours.topic_id != assigned.topic_id) return refuse_other_topic(facts, ours);
  if (!ours.pending.empty() && ours.pending.back().last >= facts.bounds.high_watermark) {
    return refuse_beyond_end(facts, "a pending range up to offset", ours.pending.back().last);
  }
  OpeningPlan plan;
  plan.start = ours.start;
  plan.confirmed = plan.landed = plan.cut = assigned.committed;
  plan.intent_time = ours.intent_time;
  plan.pending.assign(ours.pending.begin(), ours.pending.end());
  if (!plan.pending.empty()) plan.cut = plan.pending.back().last + 1;
  if (ours.pipeline_hash != facts.pipeline_hash) {
    plan.warnings.push_back(fmt::format(
        "{}: the pipeline's definition changed since offset {} was committed; {} pending ranges "
        "are compared with {} and completed by the new definition",
        assigned.tp, assigned.committed, plan.pending.size(), facts.destination));
  }
  return plan;
}

Result<void> clip_to_log(const OpeningFacts& facts, OpeningPlan& plan) {
  const Offset log_start = facts.bounds.log_start;
  if (plan.landed >= log_start) return {};
  plan.deleted = OffsetRange{plan.landed, log_start - 1};
  plan.deleted_in_doubt = !plan.pending.empty();
  while (!plan.pending.empty() && plan.pending.front().last < log_start) plan.pending.pop_front();
  if (!plan.pending.empty() && plan.pending.front().first < log_start) {
    if (!facts.provable) {
      return fail(Errc::kRefused,
                  "{}: retention deleted offsets {} of the pending range {}, and {} cannot say "
                  "whether they are in it (it lacks the columns _topic, _partition, _offset). "
                  "Compare by hand, then set the group's position to {} and start again",
                  facts.assigned.tp, *plan.deleted, plan.pending.front(), facts.destination,
                  plan.pending.front().last + 1);
    }
    plan.pending.front().first = log_start;
  }
  plan.landed = log_start;
  plan.cut = std::max(plan.cut, log_start);
  return {};
}

}  // namespace

bool needs_table_end(const kafka::AssignedPartition& assigned) {
  return assigned.committed == kNoOffset ||
         !std::holds_alternative<CommitMetadata>(read_metadata(assigned));
}

Result<OpeningPlan> plan_opening(const OpeningFacts& facts) {
  const auto& assigned = facts.assigned;
  if (assigned.committed == kNoOffset) return begin_new_group(facts);
  if (assigned.committed > facts.bounds.high_watermark) {
    return refuse_beyond_end(facts, "committed offset", assigned.committed);
  }
  const ParsedMetadata parsed = read_metadata(assigned);
  const auto* ours = std::get_if<CommitMetadata>(&parsed);
  const Offset start = ours != nullptr ? ours->start : facts.bounds.log_start;
  auto plan = ours != nullptr ? begin_where_left(facts, *ours) : begin_untrusted(facts, parsed);
  if (!plan) return plan;
  FRESHET_TRY(clip_to_log(facts, *plan));
  if (facts.table_empty && assigned.committed > start) {
    plan->warnings.push_back(fmt::format(
        "{}: {} holds no row although group {} has confirmed everything before offset {}: was it "
        "created again, or emptied? What is new is written; `freshet verify` says which rows are "
        "missing, and `freshet repair` writes them again from the log",
        assigned.tp, facts.destination, facts.group, assigned.committed));
  }
  return plan;
}

}  // namespace freshet::pipeline
