// freshet group list|describe: consumer groups of any Kafka.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/kafka_target.h"
#include "kafka/client/admin.h"

namespace freshet::app {
namespace {

struct GroupArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string id;
};

Result<int> list(const GroupArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto groups, admin.groups());
  Listing listing({{"group", "group"}, {"state", "state"}});
  for (const auto& group : groups) listing.add({group.id, group.state});
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

/// One row per partition that is committed or assigned.
Result<int> describe(const GroupArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto group, admin.group(arguments.id));
  FRESHET_ASSIGN(const auto committed, admin.committed(arguments.id));
  if (group.state == "Dead" && committed.empty()) {
    return fail(Errc::kNotFound, "there is no group {}; freshet group list names them",
                arguments.id);
  }
  std::map<TopicPartition, const kafka::CommittedOffset*> offsets;
  for (const auto& offset : committed) offsets[offset.tp] = &offset;
  std::map<TopicPartition, const kafka::GroupMemberInfo*> owners;
  for (const auto& member : group.members) {
    for (const auto& tp : member.assigned) {
      owners[tp] = &member;
      offsets.try_emplace(tp, nullptr);
    }
  }
  std::vector<TopicPartition> partitions;
  for (const auto& [tp, offset] : offsets) partitions.push_back(tp);
  FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions));
  Listing listing({{"group", "group"},
                   {"state", "state"},
                   {"topic", "topic"},
                   {"partition", "partition"},
                   {"committed", "committed"},
                   {"high_watermark", "high watermark"},
                   {"lag", "lag"},
                   {"member", "member"},
                   {"client", ""},
                   {"host", "host"},
                   {"metadata", ""}});
  for (size_t i = 0; i < partitions.size(); ++i) {
    const auto& tp = partitions[i];
    const auto* offset = offsets[tp];
    const auto* owner = owners[tp];
    const Offset behind_from = offset == nullptr ? bounds[i].log_start : offset->offset;
    listing.add({group.id, group.state, tp.topic, int64_t{tp.partition},
                 offset == nullptr ? Value() : Value(offset->offset.value()),
                 bounds[i].high_watermark.value(),
                 std::max<int64_t>(0, bounds[i].high_watermark - behind_from),
                 owner == nullptr ? Value() : Value(owner->member_id),
                 owner == nullptr ? Value() : Value(owner->client_id),
                 owner == nullptr ? Value() : Value(owner->host),
                 offset == nullptr ? Value() : Value(offset->metadata)});
  }
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

}  // namespace

void add_group(CommandTree& tree) {
  CLI::App& group = tree.add_group("group", "Consumer groups of the log, or of any Kafka");
  CLI::App& list_command =
      tree.add(group, "list", "All groups and their state", {"freshet group list"});
  auto list_arguments = std::make_shared<GroupArguments>();
  list_arguments->platform = tree.add_platform_options(list_command, /*with_brokers=*/true);
  list_arguments->output = tree.add_output_option(list_command);
  tree.set_body(list_command, [list_arguments] { return list(*list_arguments); });

  CLI::App& describe_command =
      tree.add(group, "describe", "Members, committed offsets and lag of a group",
               {"freshet group describe freshet.demo.events"});
  auto describe_arguments = std::make_shared<GroupArguments>();
  describe_command.add_option("GROUP", describe_arguments->id, "Name of the group")->required();
  describe_arguments->platform = tree.add_platform_options(describe_command, /*with_brokers=*/true);
  describe_arguments->output = tree.add_output_option(describe_command);
  tree.set_body(describe_command, [describe_arguments] { return describe(*describe_arguments); });
}

}  // namespace freshet::app
