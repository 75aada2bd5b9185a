// freshet produce TOPIC: lines of stdin or of a file as records, on any Kafka.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/kafka_target.h"
#include "app/record_format.h"
#include "kafka/client/producer.h"

namespace freshet::app {
namespace {

constexpr std::chrono::minutes kFlushMax{5};

struct ProduceArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::string topic;
  std::string input;
  std::string key_separator;
  std::optional<int32_t> partition;
  std::vector<std::string> headers;
  std::string codec = "lz4";
  std::vector<std::string> properties;
};

/// "name=value", checked by the option.
std::pair<std::string, std::string> split_pair(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Result<uint64_t> send_lines(const ProduceArguments& arguments, std::istream& input,
                            kafka::Producer& producer) {
  const std::string separator = resolve_escapes(arguments.key_separator);
  std::vector<std::pair<std::string, std::string>> named;
  for (const auto& header : arguments.headers) named.push_back(split_pair(header));
  std::vector<kafka::HeaderView> headers;
  for (const auto& [name, value] : named) headers.push_back({name, value});
  uint64_t sent = 0;
  for (std::string line; std::getline(input, line); ++sent) {
    kafka::OutgoingRecord record{.partition = arguments.partition, .headers = headers};
    std::string_view value = line;
    if (!separator.empty()) {
      const size_t at = value.find(separator);
      if (at == std::string_view::npos) {
        return fail(Errc::kInvalidArgument,
                    "line {} has no key: the separator '{}' is not in it; {} records were sent",
                    sent + 1, arguments.key_separator, sent);
      }
      record.key = value.substr(0, at);
      value.remove_prefix(at + separator.size());
    }
    record.value = value;
    FRESHET_TRY_CONTEXT(producer.send(arguments.topic, record), "line {}", sent + 1);
  }
  return sent;
}

Result<int> produce(const ProduceArguments& arguments) {
  std::ifstream file;
  if (!arguments.input.empty()) {
    file.open(arguments.input, std::ios::binary);
    if (!file) return fail(Errc::kNotFound, "cannot read {}", arguments.input);
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
  const auto sent = send_lines(arguments, file.is_open() ? file : std::cin, producer);
  // What was sent before a bad line is delivered, and said so.
  FRESHET_TRY_CONTEXT(producer.flush(kFlushMax), "topic {}", arguments.topic);
  if (!sent) return std::unexpected(sent.error());
  if (isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "%s records delivered to %s\n",
                 with_thousands(producer.delivered_count()).c_str(), arguments.topic.c_str());
  }
  return kExitSuccess;
}

std::string expect_pair(const std::string& text) {
  return text.find('=') == std::string::npos ? "expected name=value" : "";
}

}  // namespace

void add_produce(CommandTree& tree) {
  CLI::App& command =
      tree.add(tree.root(), "produce", "Write each line of stdin, or of a file, as one record",
               {"echo '{\"id\":1}' | freshet produce orders",
                "freshet produce orders --input orders.jsonl --codec zstd --brokers k1:9092",
                "freshet generate events --keys | freshet produce events --key-separator '\\t'"});
  auto arguments = std::make_shared<ProduceArguments>();
  command.add_option("TOPIC", arguments->topic, "Topic")->required();
  command.add_option("--input", arguments->input, "File to read (default: stdin)");
  command.add_option("--key-separator", arguments->key_separator,
                     "Each line is key, this text, value; \\t is a tab");
  command.add_option("--partition", arguments->partition, "Partition (default: by key)")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--header", arguments->headers, "name=value, on every record; repeatable")
      ->take_all()
      ->check(expect_pair);
  command.add_option("--codec", arguments->codec, "none, gzip, snappy, lz4 or zstd")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}));
  command.add_option("--property", arguments->properties, "Raw librdkafka name=value; repeatable")
      ->take_all()
      ->check(expect_pair);
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
  tree.set_body(command, [arguments] { return produce(*arguments); });
}

}  // namespace freshet::app
