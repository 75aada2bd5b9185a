#include "config/platform_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/clickhouse_section.h"
#include "config/kafka_section.h"
#include "config/units.h"

namespace freshet::config {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr uint64_t kKiB = 1ULL << 10;
constexpr uint64_t kMiB = 1ULL << 20;
constexpr uint64_t kGiB = 1ULL << 30;
constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();

// Kafka's topic configs (documentation of Apache Kafka 4.0, "Topic-Level Configs").
constexpr std::array kTopicConfigs = {
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
};

Section<Platform> services_section(const std::string& directory) {
  Section<Platform> services("Where each service is; one that is not named is embedded.");
  add_kafka_service(services, directory);
  add_clickhouse_service(services, directory);
  services.not_yet("registry", "Schema registry.").not_yet("lake", "Object store.");
  return services;
}

void read_retention(const Place& place, TopicSettings& topic) {
  const auto duration = duration_kind(1ms, 36'500 * 24h);
  const ValueKind<std::string> kind = {
      "duration",
      duration.expected + ", or forever",
      [parse = duration.parse](const std::string& text) -> std::optional<std::string> {
        if (text == "forever") return "-1";
        const auto value = parse(text);
        if (!value) return std::nullopt;
        return std::to_string(value->count());
      },
      {}};
  const KeyInfo info = {
      .name = "retention", .type = kind.type, .expected = kind.expected, .text = {"", "7d"}};
  if (const auto value = read_value(place, info, kind)) topic.config["retention.ms"] = *value;
}

void read_topic_config(const Place& place, TopicSettings& topic) {
  if (!place.node().is_map()) {
    return place.error(place.node().describe() +
                       " found; expected a map of Kafka topic configs, such as { segment.bytes: "
                       "1073741824 }");
  }
  const std::vector<std::string> names(kTopicConfigs.begin(), kTopicConfigs.end());
  for (const auto& [key, key_at, value] : place.node().entries) {
    const Place item = place.below(key, value);
    if (std::ranges::find(names, key) == names.end()) {
      const std::string nearest = nearest_name(key, names);
      item.error(key_at, nearest.empty()
                             ? "Kafka has no topic config of this name"
                             : fmt::format("Kafka has no topic config of this name; did you mean "
                                           "'{}'?",
                                           nearest));
      continue;
    }
    if (topic.config.contains(key)) {
      item.error(key_at, "given twice: `retention` of this topic says the same; remove one");
      continue;
    }
    const KeyInfo info = {.name = key, .type = "value", .text = {"", "1073741824"}};
    if (auto text = read_value(item, info, any_text_kind("value", 4 * kKiB))) {
      topic.config[key] = *text;
    }
  }
}

Section<TopicSettings> topic_section() {
  Section<TopicSettings> topic("A topic, created if it is missing.");
  topic
      .key("partitions", &TopicSettings::partitions, count_kind_as<int32_t>(1, 10'000),
           {"How many partitions it is created with.", "6"})
      .custom({.name = "retention",
               .type = "duration",
               .expected = "1ms to 36_500d, or forever",
               .text = {"How long records are kept (Kafka's retention.ms).", "7d",
                        "the broker's default"}},
              read_retention)
      .custom(
          {.name = "config",
           .type = "map",
           .text = {"Any Kafka topic config by Kafka's name.", "{ segment.bytes: 1073741824 }"}},
          read_topic_config);
  return topic;
}

Section<TableSettings> table_section() {
  Section<TableSettings> form("A statement, or a map with a statement and its settings.");
  form.required_key(
          "sql", &TableSettings::sql, text_kind("SQL", kMiB),
          {"The CREATE statement.", "CREATE TABLE analytics.raw (…) ENGINE = MergeTree …"})
      .key("provenance", &TableSettings::provenance, boolean_kind(),
           {"Add _topic, _partition and _offset, which prove that nothing is missing or doubled.",
            "true"});
  return form;
}

void read_tables(const Place& place, Platform& platform) {
  if (!place.node().is_sequence()) {
    return place.error(place.node().describe() +
                       " found; expected a list of statements, each beginning with '- CREATE'");
  }
  const Section<TableSettings> form = table_section();
  const auto sql = text_kind("SQL", kMiB);
  const KeyInfo info = {.type = sql.type, .text = {"", "CREATE TABLE db.name (…) ENGINE = …"}};
  for (size_t i = 0; i < place.node().items.size(); ++i) {
    const Place item = place.below(std::to_string(i + 1), place.node().items[i]);
    TableSettings table;
    table.at = item.node().at;
    if (item.node().is_map()) {
      form.read(item, table);
    } else if (const auto text = read_value(item, info, sql)) {
      table.sql = *text;
    }
    platform.tables.push_back(std::move(table));
  }
}

Section<GenerateSettings> generate_section() {
  Section<GenerateSettings> generate("Made-up events; the same seed makes the same bytes.");
  generate
      .required_key("kind", &GenerateSettings::kind,
                    choice_kind<GenerateKind>({{"events", GenerateKind::kEvents},
                                               {"clickstream", GenerateKind::kClickstream}}),
                    {"What is made.", "events"})
      .key("rate", &GenerateSettings::rate, rate_kind(1e9),
           {"How many a second, minute or hour.", "10_000/s", "as fast as it goes"})
      .key("count", &GenerateSettings::count, count_kind(1, 1'000'000'000'000),
           {"How many in all.", "1_000_000", "endless"})
      .key("seed", &GenerateSettings::seed, count_kind(0, kAny),
           {"Another seed makes other events.", "42"})
      .key("start", &GenerateSettings::start, utc_time_kind(),
           {"Time of the first event.", "2025-09-18T10:30:00Z", "a fixed time of the kind"});
  return generate;
}

Section<FileSettings> file_section(const std::string& directory) {
  Section<FileSettings> file("Records of files, also gzip or zstd compressed.");
  file.required_key("path", &FileSettings::path, text_kind("path", 4 * kKiB),
                    {"A file or a pattern; relative to the platform file.", "input/*.jsonl.gz"})
      .key("format", &FileSettings::format,
           choice_kind<FileFormat>({{"auto", FileFormat::kAuto},
                                    {"json", FileFormat::kJson},
                                    {"csv", FileFormat::kCsv}}),
           {"JSON lines, or CSV with a header; auto goes by the name.", "csv"})
      .key("follow", &FileSettings::follow, boolean_kind(),
           {"Go on with what is appended; else the source ends with the file.", "true"})
      .list("nulls", &FileSettings::nulls, any_text_kind("text", kKiB),
            {"CSV: cells that mean null.", "[NA]"})
      .list("text", &FileSettings::text, text_kind("column", kKiB),
            {"CSV: columns that stay text even where they look like numbers.", "[zip_code]"})
      .key("delimiter", &FileSettings::delimiter, delimiter_kind(),
           {"CSV: what stands between cells.", "\";\""})
      .key("on_bad_line", &FileSettings::on_bad_line,
           choice_kind<OnBadLine>({{"stop", OnBadLine::kStop}, {"skip", OnBadLine::kSkip}}),
           {"A line that cannot be a record (CSV with other cells than its header, or too long): "
            "stop the source, or leave the line out with a warning.",
            "skip"})
      .key("line_bytes_max", &FileSettings::line_bytes_max, byte_size_kind(16, 64 * kMiB),
           {"Longer lines are bad lines. Fixed once the source has published. A topic takes "
            "batches of 1 MiB unless its max.message.bytes says more.",
            "4MiB"})
      .check([directory](const Place& place, FileSettings& settings) {
        const std::string& path = settings.path;
        const bool packed = path.ends_with(".gz") || path.ends_with(".zst");
        const std::string bare = packed ? path.substr(0, path.rfind('.')) : path;
        if (settings.follow && packed) {
          place.error(place.node().find("follow")->at,
                      "a compressed file cannot be followed; remove follow or the compression");
        }
        const bool csv = settings.format == FileFormat::kCsv ||
                         (settings.format == FileFormat::kAuto && bare.ends_with(".csv"));
        for (const char* key : {"nulls", "text", "delimiter"}) {
          const Node* node = place.node().find(key);
          if (node != nullptr && !csv && !path.empty()) {
            place.error(node->at, fmt::format("'{}' is for CSV only; write format: csv, or remove "
                                              "it",
                                              key));
          }
        }
        if (!path.empty()) {
          settings.path = (std::filesystem::path(directory) / path).lexically_normal().string();
        }
      });
  return file;
}

// One of the keys that say where a source's records come from.
template <class M>
void add_origin(Section<SourceSettings>& source, const std::string& name, const Section<M>& inner,
                const KeyText& text) {
  source.custom(map_key(name, inner.info(), text),
                [inner](const Place& place, SourceSettings& into) {
                  M settings;
                  inner.read(place, settings);
                  into.from = std::move(settings);
                });
}

void read_source_topic(const Place& place, SourceSettings& source) {
  if (place.node().is_map()) {
    return place.error("topics with a prefix are not supported yet; expected one topic name");
  }
  const auto kind = topic_kind();
  const KeyInfo info = {
      .name = "to", .type = kind.type, .expected = kind.expected, .text = {"", "events"}};
  if (const auto topic = read_value(place, info, kind)) source.to = *topic;
}

Section<SourceSettings> source_section(const std::string& directory) {
  Section<SourceSettings> source("Where records come from, and the topic they go to.");
  add_origin(source, "generate", generate_section(), {"Made-up events.", ""});
  add_origin(source, "file", file_section(directory), {"Files.", ""});
  source.not_yet("http", "Polls an HTTP address.")
      .not_yet("postgres", "Change data capture from PostgreSQL.")
      .not_yet("mongodb", "Change data capture from MongoDB.")
      .custom({.name = "to",
               .type = "topic name",
               .expected = topic_kind().expected,
               .text = {"The topic; created with one partition if `topics` does not declare it.",
                        "events"},
               .required = true},
              read_source_topic)
      .key("key", &SourceSettings::key, path_kind(),
           {"The field that becomes the record's key: equal keys stay in one partition, in order.",
            "user_id", "no key; records go round the partitions"})
      .key("codec", &SourceSettings::codec,
           choice_kind<BatchCodec>({{"none", BatchCodec::kNone},
                                    {"gzip", BatchCodec::kGzip},
                                    {"snappy", BatchCodec::kSnappy},
                                    {"lz4", BatchCodec::kLz4},
                                    {"zstd", BatchCodec::kZstd}}),
           {"Compression of the batches in the log.", "lz4"})
      .custom({.name = "encode",
               .type = "only",
               .expected = "json",
               .otherwise = "json",
               .text = {"How a record is written.", "json"}},
              [](const Place& place, SourceSettings&) {
                const auto kind = word_kind({"json"}, {"avro", "protobuf"});
                (void)read_value(
                    place, {.type = kind.type, .expected = kind.expected, .text = {"", "json"}},
                    kind);
              })
      .check([](const Place& place, SourceSettings&) {
        size_t origins = 0;
        for (const char* name : {"generate", "file", "http", "postgres", "mongodb"}) {
          if (place.node().find(name) != nullptr) ++origins;
        }
        if (origins != 1) {
          place.error(
              fmt::format("{} origins given; expected exactly one of generate, file", origins));
        }
      });
  return source;
}

void read_columns(const Place& place, PipelineSettings& pipeline) {
  if (!place.node().is_map()) {
    return place.error(place.node().describe() +
                       " found; expected a map from table columns to paths in the record, such as "
                       "{ amount: payload.total }");
  }
  const auto kind = path_kind();
  const KeyInfo info = {
      .type = kind.type, .expected = kind.expected, .text = {"", "payload.total"}};
  for (const auto& [column, column_at, value] : place.node().entries) {
    const Place item = place.below(column, value);
    if (column.empty() || column.size() > 127) {
      item.error(column_at, "not a column name; expected 1 to 127 bytes");
    }
    if (const auto path = read_value(item, info, kind)) {
      pipeline.columns.push_back({column, *path, column_at});
    }
  }
}

Section<PipelineSettings> sink_section() {
  Section<PipelineSettings> clickhouse("A table of the warehouse.");
  clickhouse.required_key("table", &PipelineSettings::table, table_kind(),
                          {"The table, with its database.", "analytics.events_raw"});
  clickhouse.check([](const Place& place, PipelineSettings& pipeline) {
    const Node* table = place.node().find("table");
    pipeline.table_at = table != nullptr ? table->at : place.node().at;
  });
  Section<PipelineSettings> to("Where rows go: exactly one place.");
  to.section("clickhouse", clickhouse, {"A ClickHouse table.", ""})
      .not_yet("topic", "Another topic.")
      .not_yet("lake", "Objects in the lake.")
      .check([](const Place& place, PipelineSettings&) {
        if (place.node().entries.empty()) {
          place.error("no place given; expected clickhouse: { table: database.table }");
        }
      });
  return to;
}

Section<FlushSettings> flush_section() {
  Section<FlushSettings> flush(
      "When a batch is cut, whichever comes first; exactly once in every case.");
  flush
      .key("rows", &FlushSettings::rows, count_kind(1, 10'000'000),
           {"Records of a batch.", "500_000"})
      .key("bytes", &FlushSettings::bytes, byte_size_kind(kKiB, 4 * kGiB),
           {"Bytes of a batch in the log.", "64MiB"})
      .key("after", &FlushSettings::after, duration_kind(1ms, 24h),
           {"Age of the oldest record of a batch.", "100ms"})
      .key("parts", &FlushSettings::parts, rate_kind(1e6),
           {"How many batches are cut because of their age alone; each makes at least one part. "
            "With so many quiet partitions that it would be more, `after` stretches for all of "
            "them.",
            "50/s"});
  return flush;
}

Section<DeadLetterLimits> dead_letter_section() {
  Section<DeadLetterLimits> dlq(
      "How much may go to the dead letters. The pipeline stops before the records that would "
      "exceed a limit: they are neither written nor rejected, and the next start goes on there.");
  dlq.key("max_count", &DeadLetterLimits::max_count, count_kind(0, 1'000'000'000'000),
          {"Rejected records since the pipeline started; 0: no limit.", "10_000"})
      .key("max_rate", &DeadLetterLimits::max_rate, percent_kind(),
           {"Rejected ones among the records read last (1,000 of them, or one batch if that is "
            "more); 0%: no limit.",
            "5%"});
  return dlq;
}

void read_decode(const Place& place, PipelineSettings&) {
  const auto kind = word_kind({"json"}, {"avro", "protobuf", "debezium", "raw", "auto"});
  (void)read_value(place, {.type = kind.type, .expected = kind.expected, .text = {"", "json"}},
                   kind);
}

// Topic names; a pattern gets a message of its own.
ValueKind<std::string> pipeline_topic_kind() {
  auto kind = topic_kind();
  kind.explain = [](const std::string& text) -> std::string {
    if (!text.starts_with('/')) return {};
    return "is a pattern, which is not supported yet; expected a topic name or a list of them";
  };
  return kind;
}

ValueKind<PipelineStart> start_kind() {
  using At = PipelineStart::At;
  const auto time = utc_time_kind();
  return {"earliest, latest or UTC time", time.expected,
          [time](const std::string& text) -> std::optional<PipelineStart> {
            if (text == "earliest") return PipelineStart{.at = At::kEarliest};
            if (text == "latest") return PipelineStart{.at = At::kLatest};
            const auto at = time.parse(text);
            if (!at || *at < std::chrono::milliseconds(0)) return std::nullopt;
            return PipelineStart{.at = At::kTime, .time = *at};
          },
          [time](const PipelineStart& start) {
            if (start.at == At::kTime) return time.print(start.time);
            return std::string(start.at == At::kLatest ? "latest" : "earliest");
          }};
}

void check_pipeline(const Place& place, PipelineSettings& settings) {
  const Node* from = place.node().find("from");
  settings.from_at = from != nullptr ? from->at : place.node().at;
  if (settings.flush.bytes > settings.memory) {
    place.error(
        fmt::format("flush.bytes ({}) is more than memory ({}); raise memory or lower flush.bytes",
                    print_byte_size(settings.flush.bytes), print_byte_size(settings.memory)));
  }
}

Section<PipelineSettings> pipeline_section() {
  Section<PipelineSettings> pipeline("Moves the records of topics to one place, exactly once.");
  pipeline
      .list("from", &PipelineSettings::from, pipeline_topic_kind(), {"Topics.", "events"},
            /*required=*/true)
      .custom({.name = "decode",
               .type = "only",
               .expected = "json",
               .otherwise = "json",
               .text = {"How records are read.", "json"}},
              read_decode)
      .custom(
          {.name = "columns",
           .type = "map",
           .text = {"Table column, or name of a Nested: path in the record.",
                    "{ amount: payload.total }", "each column takes the field of its own name"}},
          read_columns);
  auto to = sink_section();
  KeyInfo to_info = map_key("to", to.info(), {"Where rows go.", "{ clickhouse: { table: a.b } }"});
  to_info.required = true;
  pipeline
      .custom(to_info, [to](const Place& place, PipelineSettings& into) { to.read(place, into); })
      .key("start", &PipelineSettings::start, start_kind(),
           {"Where a new pipeline begins, and later in partitions that were added: with the first "
            "record, with what comes after its start, or with the first record of that time or "
            "later. Once its group has committed, that alone counts.",
            "latest"})
      .section("flush", &PipelineSettings::flush, flush_section(), {"When a batch is cut.", ""})
      .key("on_reject", &PipelineSettings::on_reject,
           choice_kind<OnReject>(
               {{"dead_letter", OnReject::kDeadLetter}, {"stop", OnReject::kStop}}),
           {"What happens to a record that does not fit; never dropped.", "dead_letter"})
      .section("dlq", &PipelineSettings::dlq, dead_letter_section(),
               {"When too many records do not fit.", ""})
      .key("on_unknown_field", &PipelineSettings::on_unknown_field,
           choice_kind<OnUnknownField>(
               {{"ignore", OnUnknownField::kIgnore}, {"reject", OnUnknownField::kReject}},
               {"add_column"}),
           {"A field that no column takes, also inside the objects of Tuple and Nested columns.",
            "ignore"})
      .key("on_missing_field", &PipelineSettings::on_missing_field,
           choice_kind<OnMissingField>(
               {{"default", OnMissingField::kDefault}, {"reject", OnMissingField::kReject}}),
           {"A column whose field is not in the record, and likewise an element of a Tuple or "
            "Nested. A column with a DEFAULT gets that either way.",
            "default"})
      .key("epoch_unit", &PipelineSettings::epoch_unit,
           choice_kind<EpochUnit>({{"s", EpochUnit::kSeconds},
                                   {"ms", EpochUnit::kMilliseconds},
                                   {"us", EpochUnit::kMicroseconds},
                                   {"ns", EpochUnit::kNanoseconds}}),
           {"What numbers count that stand where a column takes a time: since 1970, in UTC. Times "
            "that are texts are not touched.",
            "ms"})
      .key("workers", &PipelineSettings::workers, count_kind_as<uint32_t>(0, 256),
           {"Threads that decode and write; 0: one per core, at most one per partition.", "2"})
      .key("memory", &PipelineSettings::memory, byte_size_kind(16 * kMiB, 1024 * kGiB),
           {"Most bytes in flight, from log to table.", "256MiB"})
      .not_yet("window", "Windows over event time.")
      .not_yet("steps", "SQL, enrichment and rules between decoding and writing.")
      .check(check_pipeline);
  return pipeline;
}

}  // namespace

Section<Platform> platform_section(const std::string& directory) {
  Section<Platform> platform(
      "One file says everything; every key is optional but `platform`. Values may hold ${NAME} and "
      "${NAME:-default} of the environment; $${ stands for ${ itself.");
  KeyInfo tables = {.name = "tables",
                    .type = "list",
                    .text = {"DDL, run in order: what is missing is created, what is there is "
                             "compared, and refused with the columns that differ.",
                             "- CREATE TABLE analytics.raw (…) ENGINE = MergeTree ORDER BY id"},
                    .section = table_section().info()};
  platform
      .required_key("platform", &Platform::name, name_kind(),
                    {"Names consumer groups, dead-letter topics and metric labels.", "payments"})
      .section("services", services_section(directory), {"Embedded or external services.", ""})
      .named("topics", &Platform::topics, topic_kind(), topic_section(), {"Topics.", ""})
      .not_yet("schemas", "Schemas of the registry.")
      .custom(tables, read_tables)
      .named("sources", &Platform::sources, name_kind(), source_section(directory),
             {"Sources.", ""})
      .named("pipelines", &Platform::pipelines, name_kind(), pipeline_section(), {"Pipelines.", ""})
      .not_yet("jobs", "Tables made on a schedule.")
      .not_yet("endpoints", "SQL behind an HTTP address.");
  return platform;
}

}  // namespace freshet::config
