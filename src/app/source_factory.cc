#include "app/source_factory.h"

#include "kafka/compression.h"
#include "source/file/file_source.h"
#include "source/generators/event_generator.h"

namespace freshet::app {
namespace {

source::FileFormat file_format(config::FileFormat format) {
  switch (format) {
    case config::FileFormat::kAuto:
      return source::FileFormat::kAuto;
    case config::FileFormat::kJson:
      return source::FileFormat::kJsonLines;
    case config::FileFormat::kCsv:
      return source::FileFormat::kCsv;
  }
  return source::FileFormat::kAuto;
}

source::BadLinePolicy bad_line_policy(config::OnBadLine policy) {
  return policy == config::OnBadLine::kSkip ? source::BadLinePolicy::kSkip
                                            : source::BadLinePolicy::kStop;
}

kafka::Codec batch_codec(config::BatchCodec codec) {
  switch (codec) {
    case config::BatchCodec::kNone:
      return kafka::Codec::kNone;
    case config::BatchCodec::kGzip:
      return kafka::Codec::kGzip;
    case config::BatchCodec::kSnappy:
      return kafka::Codec::kSnappy;
    case config::BatchCodec::kLz4:
      return kafka::Codec::kLz4;
    case config::BatchCodec::kZstd:
      return kafka::Codec::kZstd;
  }
  return kafka::Codec::kNone;
}

Result<std::unique_ptr<source::EventSource>> make_generator_source(
    const config::GenerateSettings& settings) {
  source::GeneratorSettings generator{
      .kind = settings.kind == config::GenerateKind::kEvents ? "events" : "clickstream",
      .seed = settings.seed,
      .count = settings.count};
  if (settings.start) generator.start_ms = settings.start->count();
  FRESHET_ASSIGN(std::unique_ptr<source::EventSource> source,
                 source::GeneratorSource::create(generator));
  return source;
}

Result<std::unique_ptr<source::EventSource>> make_file_source(const config::FileSettings& settings,
                                                              const std::string& key) {
  FRESHET_ASSIGN(std::unique_ptr<source::EventSource> source,
                 source::FileSource::create({.path = settings.path,
                                             .format = file_format(settings.format),
                                             .follow = settings.follow,
                                             .key = key,
                                             .nulls = settings.nulls,
                                             .text = settings.text,
                                             .delimiter = settings.delimiter,
                                             .on_bad_line = bad_line_policy(settings.on_bad_line),
                                             .line_bytes_max = settings.line_bytes_max}));
  return source;
}

}  // namespace

Result<std::unique_ptr<source::EventSource>> make_source(const config::SourceSettings& settings) {
  auto source = std::holds_alternative<config::GenerateSettings>(settings.from)
                    ? make_generator_source(std::get<config::GenerateSettings>(settings.from))
                    : make_file_source(std::get<config::FileSettings>(settings.from),
                                       settings.key.value_or(""));
  if (!source)
    return std::unexpected(std::move(source).error().with_context("source " + settings.name));
  return source;
}

source::SourceRunnerSettings runner_settings(const config::SourceSettings& settings) {
  source::SourceRunnerSettings runner{
      .name = settings.name, .topic = settings.to, .codec = batch_codec(settings.codec)};
  if (const auto* generate = std::get_if<config::GenerateSettings>(&settings.from)) {
    runner.rate = generate->rate;
  }
  return runner;
}

bool is_bounded(const config::SourceSettings& settings) {
  if (const auto* generate = std::get_if<config::GenerateSettings>(&settings.from)) {
    return generate->count.has_value();
  }
  return !std::get<config::FileSettings>(settings.from).follow;
}

}  // namespace freshet::app
