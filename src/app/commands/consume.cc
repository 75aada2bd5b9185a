// freshet consume TOPIC: records to stdout, with or without a group, from any Kafka.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <map>
#include <set>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/kafka_target.h"
#include "app/record_format.h"
#include "app/record_json.h"
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
  std::shared_ptr<OutputFormat> output;
  std::string topic;
  StartRule from;
  std::optional<StartRule> until;
  RecordFormat format = *RecordFormat::parse("%s\\n");
  std::optional<std::string> key_separator;
  std::optional<std::string> delimiter;
  std::optional<std::string> null_text;
  std::string group;
  std::optional<uint64_t> count;
  std::vector<int32_t> partitions;
  std::vector<std::string> properties;
  bool exit_at_end = false;
  bool read_uncommitted = false;
};

using Ends = std::map<TopicPartition, Offset>;

/// Reads, prints and commits until told to stop.
class ConsumeRun {
 public:
  /// `ends`: where to stop, for all `partitions` or none.
  ConsumeRun(const ConsumeArguments& arguments, kafka::Consumer consumer, size_t partitions,
             Ends ends, StopSignal& signal)
      : arguments_(arguments),
        consumer_(std::move(consumer)),
        partitions_(partitions),
        ends_(std::move(ends)),
        signal_(signal) {
    if (json_array()) out_ = "[";
  }

  Result<void> run() {
    while (!done() && !signal_.wait(std::chrono::milliseconds(0))) {
      FRESHET_ASSIGN(auto event, consumer_.poll(kPollWait));
      if (const auto* record = std::get_if<kafka::ConsumedRecord>(&event)) {
        take(*record);
        if (out_.size() < kBufferBytes) continue;
      } else if (const auto* end = std::get_if<kafka::PartitionEnd>(&event)) {
        at_end_.insert(end->tp);
        last_news_ = steady_clock::now();
        if (is_past(end->tp, end->next_offset)) finished_.insert(end->tp);
      }
      FRESHET_TRY(write_out());
      if (steady_clock::now() - committed_ > kCommitInterval) FRESHET_TRY(commit());
    }
    if (json_array()) out_ += taken_ == 0 ? "]\n" : "\n]\n";
    FRESHET_TRY(write_out());
    FRESHET_TRY(commit());
    return consumer_.close();
  }

 private:
  static constexpr size_t kBufferBytes = 1 << 16;

  [[nodiscard]] bool json_array() const { return *arguments_.output == OutputFormat::kJson; }

  [[nodiscard]] bool is_past(const TopicPartition& tp, Offset offset) const {
    const auto end = ends_.find(tp);
    return end != ends_.end() && offset >= end->second;
  }

  void take(const kafka::ConsumedRecord& record) {
    const TopicPartition tp{std::string(record.topic()), record.partition()};
    last_news_ = steady_clock::now();
    at_end_.erase(tp);
    if (is_past(tp, record.offset())) {
      finished_.insert(tp);
      return;
    }
    if (is_past(tp, record.offset() + 1)) finished_.insert(tp);
    switch (*arguments_.output) {
      case OutputFormat::kTable:
        arguments_.format.print(record, out_);
        break;
      case OutputFormat::kJson:
        out_ += taken_ == 0 ? "\n  " : ",\n  ";
        append_json(record, out_);
        break;
      case OutputFormat::kNdjson:
        append_json(record, out_);
        out_ += '\n';
    }
    ++taken_;
  }

  [[nodiscard]] bool done() const {
    if (arguments_.count && taken_ >= *arguments_.count) return true;
    if (!ends_.empty() && finished_.size() == ends_.size()) return true;
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
  const Ends ends_;
  StopSignal& signal_;
  std::string out_;
  uint64_t taken_ = 0;
  std::set<TopicPartition> at_end_;
  std::set<TopicPartition> finished_;  // read up to their place in ends_
  steady_clock::time_point last_news_ = steady_clock::now();
  steady_clock::time_point committed_ = steady_clock::now();
};

Result<std::vector<TopicPartition>> wanted_partitions(kafka::Admin& admin,
                                                      const ConsumeArguments& arguments) {
  FRESHET_ASSIGN(const auto topic, admin.topic(arguments.topic));
  std::vector<TopicPartition> partitions;
  for (const auto& partition : topic.partitions) partitions.push_back({topic.name, partition.id});
  if (arguments.partitions.empty()) return partitions;
  std::vector<TopicPartition> chosen;
  for (const int32_t id : arguments.partitions) {
    const TopicPartition tp{topic.name, id};
    if (std::ranges::find(partitions, tp) == partitions.end()) {
      return fail(Errc::kNotFound, "topic {} has no partition {}; it has {}", topic.name, id,
                  partitions.size());
    }
    chosen.push_back(tp);
  }
  return chosen;
}

Result<Ends> resolve_ends(kafka::Admin& admin, const std::vector<TopicPartition>& partitions,
                          const std::optional<StartRule>& until) {
  Ends ends;
  if (!until) return ends;
  FRESHET_ASSIGN(const auto positions, resolve_start(admin, partitions, *until));
  for (const auto& position : positions) ends.emplace(position.tp, position.offset);
  return ends;
}

Result<int> consume(const ConsumeArguments& arguments) {
  StopSignal signal;  // before any thread
  FRESHET_ASSIGN(auto target, KafkaTarget::find(*arguments.platform));
  for (const auto& property : arguments.properties) {
    const size_t equals = property.find('=');
    target.client.librdkafka_properties[property.substr(0, equals)] = property.substr(equals + 1);
  }
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto partitions, wanted_partitions(admin, arguments));
  FRESHET_ASSIGN(const auto ends, resolve_ends(admin, partitions, arguments.until));
  kafka::ConsumerSettings settings;
  settings.read_committed = !arguments.read_uncommitted;
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
    FRESHET_TRY(consumer.subscribe(std::vector{arguments.topic}));
  }
  FRESHET_TRY(ConsumeRun(arguments, std::move(consumer), partitions.size(), ends, signal).run());
  return kExitSuccess;
}

/// As a part of a format that has no letters in it.
std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '%' ? "%%" : std::string(1, c);
  return out;
}

/// What the options say together, once they are all known.
Result<void> settle(ConsumeArguments& arguments) {
  const auto kind = arguments.from.kind;
  const bool by_group = !arguments.group.empty();
  if (by_group && kind != StartRule::Kind::kBeginning && kind != StartRule::Kind::kEnd) {
    return fail(Errc::kUnsupported,
                "--from {} is not supported yet together with --group; set the group's offsets "
                "first with freshet group reset {}",
                kind == StartRule::Kind::kTime ? "@time" : "an offset", arguments.group);
  }
  if (arguments.key_separator || arguments.delimiter) {
    std::string format;
    if (arguments.key_separator) format = "%k" + literal(*arguments.key_separator);
    format += "%s" + literal(arguments.delimiter.value_or("\\n"));
    FRESHET_ASSIGN(arguments.format, RecordFormat::parse(format));
  }
  if (arguments.null_text) arguments.format.set_null_text(*arguments.null_text);
  return {};
}

/// Options whose text has a grammar of its own: a mistake is wrong usage, found before anything
/// runs.
void add_parsed_options(CLI::App& command, const std::shared_ptr<ConsumeArguments>& arguments) {
  const auto add_position = [&](const std::string& name, const std::string& description,
                                const auto& set) {
    return command.add_option_function<std::string>(
        name,
        [name, set](const std::string& text) {
          const auto rule = StartRule::parse(text);
          if (!rule) throw CLI::ValidationError(name, rule.error().message());
          set(*rule);
        },
        description);
  };
  add_position("--from",
               "beginning, end, an offset, -10 (the last ten of each partition) or "
               "@2026-11-01T00:00Z; with a group only beginning or end, and only where it has "
               "committed nothing (default: end)",
               [arguments](const StartRule& rule) { arguments->from = rule; });
  add_position("--until",
               "Stop in each partition before this place: end (as it is now), an offset or "
               "@2026-11-01T00:00Z",
               [arguments](const StartRule& rule) { arguments->until = rule; })
      ->excludes(command.get_option("--group"));
  auto* format = command.add_option_function<std::string>(
      "--format",
      [arguments](const std::string& text) {
        auto parsed = RecordFormat::parse(text);
        if (!parsed) throw CLI::ValidationError("--format", parsed.error().message());
        arguments->format = std::move(*parsed);
      },
      "%t topic %p partition %o offset %k key %s value %T time in ms %h headers; %K %S sizes, -1 "
      "for null; %R size of the value as four bytes; \\n \\t \\x1f (default: %s\\n)");
  command
      .add_option("--key-separator", arguments->key_separator,
                  "Print the key, this text, and then the value; \\t is a tab")
      ->excludes(format);
  command.add_option("--delimiter", arguments->delimiter, "Text after each record (default: \\n)")
      ->excludes(format);
}

void add_plain_options(CLI::App& command, const std::shared_ptr<ConsumeArguments>& arguments) {
  command.add_option("--group", arguments->group,
                     "Share the partitions with this group and commit what was printed");
  command.add_option("--count", arguments->count, "End after so many records")
      ->check(CLI::PositiveNumber);
  command.add_option("--partition", arguments->partitions, "Only this partition; repeatable")
      ->take_all()
      ->check(CLI::NonNegativeNumber)
      ->excludes(command.get_option("--group"));
  command.add_option("--null", arguments->null_text,
                     "Text to print for a missing key or value (default: nothing)");
  command.add_flag("--exit-at-end", arguments->exit_at_end,
                   "End when every partition has been read to its end");
  command.add_flag("--read-uncommitted", arguments->read_uncommitted,
                   "Also records of transactions that are open or were aborted");
  command.add_option("--property", arguments->properties, "Raw librdkafka name=value; repeatable")
      ->take_all()
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos ? "expected name=value" : "";
      });
}

}  // namespace

void add_consume(CommandTree& tree) {
  CLI::App& command =
      tree.add(tree.root(), "consume", "Print the records of a topic",
               {"freshet consume events                              only new ones",
                "freshet consume events --from beginning --exit-at-end",
                "freshet consume events --from -10 --format '%t/%p/%o %k %s\\n'",
                "freshet consume events --from @2026-11-01T00:00Z --until @2026-11-02T00:00Z",
                "freshet consume events --from beginning --until end --output ndjson",
                "freshet consume events --group readers --from beginning"});
  auto arguments = std::make_shared<ConsumeArguments>();
  command.add_option("TOPIC", arguments->topic, "Topic")->required();
  add_plain_options(command, arguments);
  add_parsed_options(command, arguments);
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments]() -> Result<int> {
    FRESHET_TRY(settle(*arguments));
    return consume(*arguments);
  });
}

}  // namespace freshet::app
