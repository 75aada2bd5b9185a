// freshet consume TOPIC: records to stdout, with or without a group, from any Kafka.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <set>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/kafka_target.h"
#include "app/record_format.h"
#include "app/start_position.h"
#include "app/stop_signal.h"
#include "kafka/client/admin.h"
#include "kafka/client/consumer.h"

namespace freshet::app {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollWait{100};
constexpr std::chrono::seconds kCommitInterval{1};
/// A member of a group does not know how many partitions it gets: no news for this long after the
/// end of those it has means that it has them all.
constexpr std::chrono::milliseconds kQuietAtEnd{1000};

struct ConsumeArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::string topic;
  StartRule from;
  RecordFormat format;
  std::string group;
  std::optional<uint64_t> count;
  std::optional<int32_t> partition;
  bool exit_at_end = false;
};

/// Reads, prints and commits until told to stop.
class ConsumeRun {
 public:
  ConsumeRun(const ConsumeArguments& arguments, kafka::Consumer consumer, size_t partitions,
             StopSignal& signal)
      : arguments_(arguments),
        consumer_(std::move(consumer)),
        partitions_(partitions),
        signal_(signal) {}

  Result<void> run() {
    while (!done() && !signal_.wait(std::chrono::milliseconds(0))) {
      FRESHET_ASSIGN(auto event, consumer_.poll(kPollWait));
      if (const auto* record = std::get_if<kafka::ConsumedRecord>(&event)) {
        take(*record);
        if (out_.size() < kBufferBytes) continue;
      } else if (const auto* end = std::get_if<kafka::PartitionEnd>(&event)) {
        at_end_.insert(end->tp);
        last_news_ = steady_clock::now();
      }
      FRESHET_TRY(write_out());
      if (steady_clock::now() - committed_ > kCommitInterval) FRESHET_TRY(commit());
    }
    FRESHET_TRY(write_out());
    FRESHET_TRY(commit());
    return consumer_.close();
  }

 private:
  static constexpr size_t kBufferBytes = 1 << 16;

  void take(const kafka::ConsumedRecord& record) {
    arguments_.format.print(record, out_);
    ++taken_;
    at_end_.erase({std::string(record.topic()), record.partition()});
    last_news_ = steady_clock::now();
  }

  [[nodiscard]] bool done() const {
    if (arguments_.count && taken_ >= *arguments_.count) return true;
    if (!arguments_.exit_at_end) return false;
    if (at_end_.size() == partitions_) return true;
    return !arguments_.group.empty() && !at_end_.empty() &&
           steady_clock::now() - last_news_ > kQuietAtEnd;
  }

  Result<void> write_out() {
    if (std::fwrite(out_.data(), 1, out_.size(), stdout) != out_.size() ||
        std::fflush(stdout) != 0) {
      return std::unexpected(errno_error("write to stdout", errno));
    }
    out_.clear();
    return {};
  }

  /// Only what is printed is committed.
  Result<void> commit() {
    committed_ = steady_clock::now();
    return arguments_.group.empty() ? Result<void>() : consumer_.commit();
  }

  const ConsumeArguments& arguments_;
  kafka::Consumer consumer_;
  const size_t partitions_;
  StopSignal& signal_;
  std::string out_;
  uint64_t taken_ = 0;
  std::set<TopicPartition> at_end_;
  steady_clock::time_point last_news_ = steady_clock::now();
  steady_clock::time_point committed_ = steady_clock::now();
};

Result<int> consume(const ConsumeArguments& arguments) {
  StopSignal signal;  // before any thread
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto topic, admin.topic(arguments.topic));
  std::vector<TopicPartition> partitions;
  for (const auto& partition : topic.partitions) {
    if (!arguments.partition || *arguments.partition == partition.id) {
      partitions.push_back({topic.name, partition.id});
    }
  }
  if (partitions.empty()) {
    return fail(Errc::kNotFound, "topic {} has no partition {}; it has {}", topic.name,
                arguments.partition.value_or(0), topic.partitions.size());
  }
  kafka::ConsumerSettings settings;
  if (!arguments.group.empty()) {
    settings.group = arguments.group;
    settings.reset = arguments.from.kind == StartRule::Kind::kBeginning
                         ? kafka::OffsetReset::kEarliest
                         : kafka::OffsetReset::kLatest;
  }
  FRESHET_ASSIGN(auto consumer, kafka::Consumer::create(target.client, settings));
  if (arguments.group.empty()) {
    FRESHET_ASSIGN(const auto positions, resolve_start(admin, partitions, arguments.from));
    FRESHET_TRY(consumer.assign(positions));
  } else {
    FRESHET_TRY(consumer.subscribe(std::vector{topic.name}));
  }
  FRESHET_TRY(ConsumeRun(arguments, std::move(consumer), partitions.size(), signal).run());
  return kExitSuccess;
}

/// Options whose text has a grammar of its own: a mistake is wrong usage, found before anything
/// runs.
void add_parsed_options(CLI::App& command, const std::shared_ptr<ConsumeArguments>& arguments) {
  command.add_option_function<std::string>(
      "--from",
      [arguments](const std::string& text) {
        const auto rule = StartRule::parse(text);
        if (!rule) throw CLI::ValidationError("--from", rule.error().message());
        arguments->from = *rule;
      },
      "beginning, end, -10 (the last ten of each partition) or @2026-11-01T00:00Z; with a group, "
      "only where it has committed nothing (default: end)");
  arguments->format = *RecordFormat::parse("%s\\n");
  command.add_option_function<std::string>(
      "--format",
      [arguments](const std::string& text) {
        auto format = RecordFormat::parse(text);
        if (!format) throw CLI::ValidationError("--format", format.error().message());
        arguments->format = std::move(*format);
      },
      "%t topic %p partition %o offset %k key %s value %T time in ms %h headers (default: %s\\n)");
}

}  // namespace

void add_consume(CommandTree& tree) {
  CLI::App& command = tree.add(tree.root(), "consume", "Print the records of a topic",
                               {"freshet consume events                              only new ones",
                                "freshet consume events --from beginning --exit-at-end",
                                "freshet consume events --from -10 --format '%t/%p/%o %k %s\\n'",
                                "freshet consume events --group readers --from beginning"});
  auto arguments = std::make_shared<ConsumeArguments>();
  command.add_option("TOPIC", arguments->topic, "Topic")->required();
  add_parsed_options(command, arguments);
  command.add_option("--group", arguments->group,
                     "Share the partitions with this group and commit what was printed");
  command.add_option("--count", arguments->count, "End after so many records")
      ->check(CLI::PositiveNumber);
  auto* partition = command.add_option("--partition", arguments->partition, "Only this partition")
                        ->check(CLI::NonNegativeNumber);
  partition->excludes(command.get_option("--group"));
  command.add_flag("--exit-at-end", arguments->exit_at_end,
                   "End when every partition has been read to its end");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  tree.set_body(command, [arguments]() -> Result<int> {
    const auto kind = arguments->from.kind;
    if (!arguments->group.empty() &&
        (kind == StartRule::Kind::kLast || kind == StartRule::Kind::kTime)) {
      return fail(Errc::kUnsupported,
                  "--from -N and --from @time are not supported yet together with --group");
    }
    return consume(*arguments);
  });
}

}  // namespace freshet::app
