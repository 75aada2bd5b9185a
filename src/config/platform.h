// The platform file as plain values: what config/load_platform.h returns when the file has no
// error. Every default stands here, once; the loader, `freshet check` and the reference page read
// them from here.
//
// Keys of the interface that are not built yet are refused by the loader, so they have no member.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/secret.h"
#include "config/source_position.h"

namespace freshet::config {

/// One topic of `topics:`, or one that only a source or a pipeline names (`declared` is false).
struct TopicSettings {
  std::string name;
  SourcePosition at;
  bool declared = true;
  int32_t partitions = 1;
  /// Kafka topic configs by Kafka's own names; `retention: 7d` stands here as retention.ms.
  std::map<std::string, std::string> config;
};

/// One DDL statement of `tables:`, in the order of the file.
struct TableSettings {
  std::string sql;
  SourcePosition at;
  /// Add _topic, _partition and _offset to the table when the statement lacks them.
  bool provenance = true;
};

enum class GenerateKind { kEvents, kClickstream };

struct GenerateSettings {
  GenerateKind kind = GenerateKind::kEvents;
  std::optional<double> rate;     // events per second; none: as fast as it goes
  std::optional<uint64_t> count;  // none: endless
  uint64_t seed = 42;
  /// Time of the first event, UTC, in milliseconds since the epoch; none: the kind's own.
  std::optional<std::chrono::milliseconds> start;
};

/// What happens to a line that cannot be a record: CSV with other cells than the header, or longer
/// than line_bytes_max. A line that is not JSON is a record, and becomes a dead letter.
enum class OnBadLine { kStop, kSkip };

/// kAuto: by the name: .csv (.csv.gz, .csv.zst) is CSV, anything else JSON lines.
enum class FileFormat { kAuto, kJson, kCsv };

struct FileSettings {
  /// One file or a glob. Relative to the platform file; already joined with its directory here.
  std::string path;
  FileFormat format = FileFormat::kAuto;
  bool follow = false;             // go on reading what is appended; else bounded
  std::vector<std::string> nulls;  // CSV: cells that mean null, such as NA
  std::vector<std::string> text;   // CSV: columns that stay strings even if they look like numbers
  char delimiter = ',';            // CSV
  OnBadLine on_bad_line = OnBadLine::kStop;
  uint64_t line_bytes_max = 1ULL << 20;
};

enum class BatchCodec { kNone, kGzip, kSnappy, kLz4, kZstd };

struct SourceSettings {
  std::string name;
  SourcePosition at;
  std::variant<GenerateSettings, FileSettings> from;
  std::string to;                  // topic
  std::optional<std::string> key;  // field of the record that becomes the Kafka key
  BatchCodec codec = BatchCodec::kNone;
};

struct FlushSettings {
  uint64_t rows = 250'000;
  uint64_t bytes = 64ULL << 20;
  std::chrono::milliseconds after{1000};
  double parts = 200;  // batches a second that are cut because of `after` alone
};

/// `columns:`: a table column and the dotted path of its value in the record.
struct ColumnPath {
  std::string column;
  std::string path;
  SourcePosition at;
};

enum class OnReject { kDeadLetter, kStop };
enum class OnUnknownField { kIgnore, kReject };
enum class OnMissingField { kDefault, kReject };
enum class EpochUnit { kSeconds, kMilliseconds, kMicroseconds, kNanoseconds };

/// Where a pipeline begins in a partition of which its group has committed nothing.
struct PipelineStart {
  enum class At { kEarliest, kLatest, kTime };
  At at = At::kEarliest;
  std::chrono::milliseconds time{0};  // of kTime, since the epoch
  friend bool operator==(const PipelineStart&, const PipelineStart&) = default;
};

/// `dlq:`: how much may go to the dead letters before the pipeline stops. 0: no limit.
struct DeadLetterLimits {
  uint64_t max_count = 0;  // since the pipeline started
  double max_rate = 0;     // rejected records among those read last, as a share
};

struct PipelineSettings {
  std::string name;
  SourcePosition at;
  std::vector<std::string> from;  // topics
  SourcePosition from_at;
  std::string table;  // to.clickhouse.table, "database.table"
  SourcePosition table_at;
  std::vector<ColumnPath> columns;
  PipelineStart start;
  FlushSettings flush;
  OnReject on_reject = OnReject::kDeadLetter;
  DeadLetterLimits dlq;
  OnUnknownField on_unknown_field = OnUnknownField::kIgnore;
  OnMissingField on_missing_field = OnMissingField::kDefault;
  EpochUnit epoch_unit = EpochUnit::kSeconds;
  uint32_t workers = 0;            // 0: one per core, at most one per partition
  uint64_t memory = 256ULL << 20;  // bytes in flight, end to end
};

enum class ClientCertificates { kOptional, kRequired };

/// One user of `services.kafka.embedded.sasl.users`.
struct KafkaUser {
  std::string name;
  Secret password;
};

/// `services.clickhouse.embedded`: ClickHouse's HTTP port over the embedded engine.
struct ClickHousePortSettings {
  bool http = true;
  Secret password;  // empty: none is asked for
  uint64_t statements = 8;
  uint64_t sessions = 16;
  std::chrono::milliseconds statement_time = std::chrono::minutes(5);
  std::chrono::milliseconds statement_time_max = std::chrono::hours(1);
  uint64_t statement_memory = 2ULL << 30;
  uint64_t result_rows = 1'000'000'000;
};

enum class ClickHouseCompression { kNone, kLz4, kZstd };

/// `services.clickhouse` with url or urls: a ClickHouse that runs elsewhere.
struct ExternalClickHouseSettings {
  std::vector<std::string> urls;  // replicas of the same data; empty: the embedded engine
  std::string user = "default";
  Secret password;
  std::string ca;  // who may have signed the server's certificate; empty: the system's list
  std::string certificate;  // ours; empty: none is shown
  std::string key;
  bool check_certificate = true;
  ClickHouseCompression compression = ClickHouseCompression::kLz4;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{120'000};
};

/// `services.kafka.embedded`: the embedded broker's listener.
struct KafkaListenerSettings {
  std::string host = "127.0.0.1";
  std::string advertised_host;  // empty: host
  std::string certificate;      // empty: no TLS
  std::string key;
  std::string client_ca;  // empty: clients are not asked for certificates
  ClientCertificates client_certificates = ClientCertificates::kOptional;
  std::vector<std::string> mechanisms;  // by Kafka's names; empty: nobody has to log in
  std::vector<KafkaUser> users;
  uint64_t connections = 10'000;
  uint64_t connections_per_address = 5'000;
  uint64_t request_size = 100ULL << 20;
  uint64_t request_memory = 64ULL << 20;
  uint64_t topics = 20'000;
  std::chrono::milliseconds rebalance_delay{0};
  std::chrono::milliseconds offsets_retention{std::chrono::hours(7 * 24)};
  uint64_t group_members = 10'000;
  std::chrono::milliseconds session_timeout_min{6'000};
  std::chrono::milliseconds session_timeout_max{1'800'000};
};

/// `services.kafka.bootstrap` and what stands beside it: a Kafka that runs elsewhere.
struct ExternalKafkaSettings {
  std::string bootstrap;          // empty: the embedded broker
  std::string security_protocol;  // as Kafka names it; empty: `tls` and `sasl` say it
  bool tls = false;
  std::string ca;           // empty: the system's list
  std::string certificate;  // empty: none is shown
  std::string key;
  bool check_certificate = true;
  bool check_host_name = true;
  std::string mechanism = "SCRAM-SHA-512";
  std::string user;  // empty: no login
  Secret password;

  std::string client_id = "freshet";
  std::string assignors = "cooperative-sticky";  // the preferred one first, commas between them
  std::string instance;                          // empty: by host name and data directory
  std::chrono::milliseconds session_timeout{10'000};
  std::chrono::milliseconds heartbeat_every{1'000};
  std::chrono::milliseconds rebalance_timeout{60'000};

  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds connect_timeout{10'000};
  bool keepalive = false;
  uint64_t send_buffer = 0;  // 0: the system's
  uint64_t receive_buffer = 0;
  uint64_t fetch_bytes_max = 64ULL << 20;
  std::chrono::milliseconds topics_every{1'000};
  std::chrono::milliseconds delivery_timeout{120'000};
  std::chrono::milliseconds retry_pause{100};
  std::chrono::milliseconds retry_pause_max{1'000};
};

struct Platform {
  std::string name;
  KafkaListenerSettings kafka;
  ClickHousePortSettings clickhouse;
  ExternalKafkaSettings external_kafka;
  ExternalClickHouseSettings external_clickhouse;  // with urls: instead of the embedded engine
  std::filesystem::path file;                      // as given; empty when loaded from text
  std::vector<TopicSettings> topics;               // declared ones first, then those only named
  std::vector<TableSettings> tables;
  std::vector<SourceSettings> sources;
  std::vector<PipelineSettings> pipelines;

  [[nodiscard]] const PipelineSettings* pipeline(const std::string& name) const;
  /// "freshet.<platform>.<pipeline>"
  [[nodiscard]] std::string consumer_group(const PipelineSettings& pipeline) const;
  /// "freshet.<platform>.source.<source>", whose members take turns to run it
  [[nodiscard]] std::string turns_group(const SourceSettings& source) const;
  /// "<platform>.<pipeline>.dlq"
  [[nodiscard]] std::string dead_letter_topic(const PipelineSettings& pipeline) const;
};

}  // namespace freshet::config
