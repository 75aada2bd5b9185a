// freshet produce TOPIC: pieces of stdin or of files as records, on any Kafka.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/delimited_reader.h"
#include "app/kafka_target.h"
#include "app/record_format.h"
#include "kafka/client/producer.h"

namespace freshet::app {
namespace {

constexpr std::chrono::minutes kFlushMax{5};

struct ProduceArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string topic;
  std::vector<std::string> inputs;
  std::string key_separator;
  std::string delimiter = "\\n";
  std::optional<std::string> key;
  std::optional<std::string> null_text;
  std::optional<int32_t> partition;
  std::optional<int64_t> timestamp_ms;
  std::optional<uint64_t> count;
  std::vector<std::string> headers;
  std::string codec = "lz4";
  std::vector<std::string> properties;
  bool whole_files = false;
};

/// "name=value", checked by the option.
std::pair<std::string, std::string> split_pair(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// Cuts pieces into records and sends them.
class Sender {
 public:
  Sender(const ProduceArguments& arguments, kafka::Producer& producer)
      : arguments_(arguments),
        producer_(producer),
        separator_(resolve_escapes(arguments.key_separator)),
        delimiter_(arguments.whole_files ? "" : resolve_escapes(arguments.delimiter)) {
    for (const auto& header : arguments.headers) named_.push_back(split_pair(header));
    for (const auto& [name, value] : named_) headers_.push_back({name, value});
  }

  [[nodiscard]] bool done() const { return arguments_.count && sent_ >= *arguments_.count; }

  Result<void> send_all(std::istream& input) {
    DelimitedReader reader(input, delimiter_);
    while (!done()) {
      FRESHET_ASSIGN_CONTEXT(const auto piece, reader.next(), "record {}", sent_ + 1);
      if (!piece) return {};
      FRESHET_TRY_CONTEXT(send(*piece), "line {}", sent_ + 1);
      ++sent_;
    }
    return {};
  }

 private:
  Result<void> send(std::string_view piece) {
    kafka::OutgoingRecord record{.partition = arguments_.partition, .headers = headers_};
    record.timestamp_ms = arguments_.timestamp_ms;
    if (arguments_.key) record.key = *arguments_.key;
    if (!separator_.empty()) {
      const size_t at = piece.find(separator_);
      if (at == std::string_view::npos) {
        return fail(Errc::kInvalidArgument,
                    "no key: the separator '{}' is not in it; {} records were sent",
                    arguments_.key_separator, sent_);
      }
      record.key = null_or(piece.substr(0, at));
      piece.remove_prefix(at + separator_.size());
    }
    record.value = null_or(piece);
    return producer_.send(arguments_.topic, record);
  }

  [[nodiscard]] std::optional<std::string_view> null_or(std::string_view text) const {
    if (arguments_.null_text && text == *arguments_.null_text) return std::nullopt;
    return text;
  }

  const ProduceArguments& arguments_;
  kafka::Producer& producer_;
  const std::string separator_;
  const std::string delimiter_;
  std::vector<std::pair<std::string, std::string>> named_;
  std::vector<kafka::HeaderView> headers_;
  uint64_t sent_ = 0;
};

Result<void> send_inputs(const ProduceArguments& arguments, Sender& sender) {
  if (arguments.inputs.empty()) return sender.send_all(std::cin);
  for (const std::string& path : arguments.inputs) {
    if (sender.done()) break;
    std::ifstream file(path, std::ios::binary);
    FRESHET_TRY_CONTEXT(sender.send_all(file), "{}", path);
  }
  return {};
}

Result<int> produce(const ProduceArguments& arguments) {
  for (const std::string& path : arguments.inputs) {
    if (!std::ifstream(path, std::ios::binary)) {
      return fail(Errc::kNotFound, "cannot read {}", path);
    }
  }
  std::ios::sync_with_stdio(false);
  FRESHET_ASSIGN(auto target, KafkaTarget::find(*arguments.platform));
  for (const auto& property : arguments.properties) {
    const auto [name, value] = split_pair(property);
    target.client.librdkafka_properties[name] = value;
  }
  FRESHET_ASSIGN(
      auto producer,
      kafka::Producer::create(target.client, {.codec = *kafka::codec_from_name(arguments.codec)}));
  Sender sender(arguments, producer);
  const auto sent = send_inputs(arguments, sender);
  // What was sent before a bad line is delivered, and said so.
  FRESHET_TRY_CONTEXT(producer.flush(kFlushMax), "topic {}", arguments.topic);
  if (!sent) return std::unexpected(sent.error());
  if (*arguments.output != OutputFormat::kTable) {
    Listing listing({{"topic", "topic"}, {"records", "records"}});
    listing.add({arguments.topic, producer.delivered_count()});
    std::fputs(listing.print(*arguments.output).c_str(), stdout);
  } else if (isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "%s records delivered to %s\n",
                 with_thousands(producer.delivered_count()).c_str(), arguments.topic.c_str());
  }
  return kExitSuccess;
}

std::string expect_pair(const std::string& text) {
  return text.find('=') == std::string::npos ? "expected name=value" : "";
}

void add_record_options(CLI::App& command, const std::shared_ptr<ProduceArguments>& arguments) {
  command.add_option("--input", arguments->inputs, "File to read; repeatable (default: stdin)")
      ->take_all();
  command.add_option("--delimiter", arguments->delimiter, "Text between records (default: \\n)");
  command
      .add_flag("--whole-file", arguments->whole_files, "Each file, or all of stdin, is one record")
      ->excludes("--delimiter");
  auto* key = command.add_option("--key", arguments->key, "Key of every record");
  command
      .add_option("--key-separator", arguments->key_separator,
                  "Each line is key, this text, value; \\t is a tab")
      ->excludes(key);
  command.add_option("--null", arguments->null_text,
                     "A key or value that is exactly this text, or empty for '', is sent as null: "
                     "a value of null is a tombstone");
  command.add_option("--header", arguments->headers, "name=value, on every record; repeatable")
      ->take_all()
      ->check(expect_pair);
  command.add_option("--partition", arguments->partition, "Partition (default: by key)")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--timestamp", arguments->timestamp_ms,
                  "Time of every record in milliseconds since 1970 (default: now)")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--count", arguments->count, "End after so many records")
      ->check(CLI::PositiveNumber);
}

}  // namespace

void add_produce(CommandTree& tree) {
  CLI::App& command = tree.add(
      tree.root(), "produce", "Write each line of stdin, or of files, as one record",
      {"echo '{\"id\":1}' | freshet produce orders",
       "freshet produce orders --input orders.jsonl --codec zstd --brokers k1:9092",
       "freshet generate events --keys | freshet produce events --key-separator '\\t'",
       "echo 'user_1:' | freshet produce users --key-separator : --null ''   deletes a key",
       "freshet produce pictures --whole-file --input cat.png --key cat --header type=png"});
  auto arguments = std::make_shared<ProduceArguments>();
  command.add_option("TOPIC", arguments->topic, "Topic")->required();
  add_record_options(command, arguments);
  command.add_option("--codec", arguments->codec, "none, gzip, snappy, lz4 or zstd")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}));
  command.add_option("--property", arguments->properties, "Raw librdkafka name=value; repeatable")
      ->take_all()
      ->check(expect_pair);
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return produce(*arguments); });
}

}  // namespace freshet::app
