// freshet group list|describe|reset|delete: consumer groups of any Kafka.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/group_reset.h"
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

struct ResetArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  ResetScope scope;
  std::optional<ResetRule> rule;
  bool execute = false;
};

constexpr const char* kDryRun = "dry run: nothing was changed; --execute does it";

Result<int> reset(const ResetArguments& arguments) {
  if (!arguments.rule) {
    return fail(
        Errc::kInvalidArgument,
        "say where to: --to earliest, latest, an offset or @2026-11-01T00:00Z, or --by -10");
  }
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto group, admin.group(arguments.scope.group));
  FRESHET_TRY(require_no_members(group));
  FRESHET_ASSIGN(const auto plan, plan_reset(admin, arguments.scope, *arguments.rule));
  Listing listing({{"group", "group"},
                   {"topic", "topic"},
                   {"partition", "partition"},
                   {"committed", "committed"},
                   {"new_offset", "new offset"},
                   {"executed", ""}});
  std::vector<kafka::CommittedOffset> offsets;
  for (const auto& each : plan) {
    listing.add({arguments.scope.group, each.tp.topic, int64_t{each.tp.partition},
                 each.current ? Value(each.current->value()) : Value(), each.target.value(),
                 arguments.execute});
    offsets.push_back({each.tp, each.target, ""});
  }
  if (arguments.execute) FRESHET_TRY(admin.commit_for(arguments.scope.group, offsets));
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  if (!arguments.execute) std::fprintf(stderr, "%s\n", kDryRun);
  return kExitSuccess;
}

struct DeleteArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string id;
  std::vector<std::string> topics;
  bool execute = false;
};

Result<int> remove(const DeleteArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto group, admin.group(arguments.id));
  FRESHET_ASSIGN(auto committed, admin.committed(arguments.id));
  if (group.state == "Dead" && committed.empty()) {
    return fail(Errc::kNotFound, "there is no group {}; freshet group list names them",
                arguments.id);
  }
  const bool whole = arguments.topics.empty();
  if (whole) FRESHET_TRY(require_no_members(group));
  std::erase_if(committed, [&](const kafka::CommittedOffset& offset) {
    return !whole && std::ranges::find(arguments.topics, offset.tp.topic) == arguments.topics.end();
  });
  if (!whole && committed.empty()) {
    return fail(Errc::kNotFound, "group {} has committed nothing for these topics", arguments.id);
  }
  Listing listing({{"group", "group"},
                   {"topic", "topic"},
                   {"partition", "partition"},
                   {"committed", "committed"},
                   {"executed", ""}});
  std::vector<TopicPartition> partitions;
  for (const auto& offset : committed) {
    listing.add({arguments.id, offset.tp.topic, int64_t{offset.tp.partition}, offset.offset.value(),
                 arguments.execute});
    partitions.push_back(offset.tp);
  }
  if (arguments.execute && whole) FRESHET_TRY(admin.delete_group(arguments.id));
  if (arguments.execute && !whole) FRESHET_TRY(admin.delete_offsets(arguments.id, partitions));
  const std::string what =
      whole ? fmt::format("group {} with {} committed offsets", arguments.id, committed.size())
            : fmt::format("{} committed offsets of group {}", committed.size(), arguments.id);
  std::fputs(
      listing
          .print_or_say(*arguments.output,
                        fmt::format("{} {}", arguments.execute ? "deleted" : "would delete", what))
          .c_str(),
      stdout);
  if (!arguments.execute) std::fprintf(stderr, "%s\n", kDryRun);
  return kExitSuccess;
}

void add_reset(CommandTree& tree, CLI::App& group) {
  CLI::App& command =
      tree.add(group, "reset", "Put a group's committed offsets somewhere else (dry run first)",
               {"freshet group reset readers --to earliest              shows what it would do",
                "freshet group reset readers --to @2026-11-01T00:00Z --execute",
                "freshet group reset readers --topic orders --partition 0 --to 1200 --execute",
                "freshet group reset readers --by -100 --execute        a hundred records back"});
  auto arguments = std::make_shared<ResetArguments>();
  command.add_option("GROUP", arguments->scope.group, "Name of the group")->required();
  auto* to = command.add_option_function<std::string>(
      "--to",
      [arguments](const std::string& text) {
        const auto rule = StartRule::parse(text);
        if (!rule) throw CLI::ValidationError("--to", rule.error().message());
        if (rule->kind == StartRule::Kind::kLast) {
          throw CLI::ValidationError("--to", "use --by to go back from what is committed");
        }
        arguments->rule = *rule;
      },
      "earliest, latest, an offset or @2026-11-01T00:00Z: the first record of that time or later");
  command
      .add_option_function<int64_t>(
          "--by", [arguments](int64_t records) { arguments->rule = ShiftBy{records}; },
          "-10: ten records back from what is committed; 10: ten on")
      ->check(CLI::Range(-(int64_t{1} << 62), int64_t{1} << 62))
      ->excludes(to);
  command
      .add_option("--topic", arguments->scope.topics,
                  "Only this topic; repeatable (default: all that the group has committed)")
      ->take_all();
  command.add_option("--partition", arguments->scope.partitions, "Only this partition; repeatable")
      ->take_all()
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--execute", arguments->execute, "Do it, instead of showing it");
  command.add_flag("--dry-run")->description("Only show it; the default")->excludes("--execute");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return reset(*arguments); });
}

void add_delete(CommandTree& tree, CLI::App& group) {
  CLI::App& command =
      tree.add(group, "delete", "Forget a group, or its offsets of some topics (dry run first)",
               {"freshet group delete readers                  shows what it would do",
                "freshet group delete readers --execute",
                "freshet group delete readers --topic old --execute"});
  auto arguments = std::make_shared<DeleteArguments>();
  command.add_option("GROUP", arguments->id, "Name of the group")->required();
  command
      .add_option("--topic", arguments->topics,
                  "Only the offsets of this topic, which no member may read; repeatable")
      ->take_all();
  command.add_flag("--execute", arguments->execute, "Do it, instead of showing it");
  command.add_flag("--dry-run")->description("Only show it; the default")->excludes("--execute");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return remove(*arguments); });
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

  add_reset(tree, group);
  add_delete(tree, group);
}

}  // namespace freshet::app
