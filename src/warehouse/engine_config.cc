#include "warehouse/engine_config.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace freshet::warehouse {
namespace {

// Server settings that have no command-line form. Merges are fsynced because this engine deletes
// the merged parts at once (old_parts_lifetime = 0): without it a power cut could take rows that
// were acknowledged and fsynced long ago. The engine's own log stays off the terminal: unasked, it
// writes there what it writes nowhere else, at level fatal, such as "current_thread contains
// invalid address" whenever one of its insert streams ends. Its memory is counted by the process,
// not by the control group: that would be everybody's, and where there is none the engine says so
// with a stack trace.
constexpr std::string_view kConfigText = R"(<clickhouse>
  <logger>
    <console>false</console>
  </logger>
  <merge_tree>
    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
  </merge_tree>
  <memory_worker_use_cgroup>false</memory_worker_use_cgroup>
{}</clickhouse>
)";

// The engine's only user when it must not reach outside. Everything is granted by name, so that
// what a newer engine adds is refused until somebody looks at it: no SOURCES, no users, no named
// collections, no functions, no backups; only engines that keep their data in the store.
constexpr std::string_view kConfinedUser = R"(<clickhouse>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
      <query>GRANT CHECK, SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW,
        CREATE TEMPORARY TABLE, CREATE ARBITRARY TEMPORARY TABLE, DROP, UNDROP TABLE, TRUNCATE,
        OPTIMIZE, KILL QUERY, SYSTEM MERGES, SYSTEM FLUSH, dictGet ON *.*</query>
{}    </grants>
  </default></users>
  <quotas><default></default></quotas>
  <profiles><default><constraints>
    <max_memory_usage><min>1</min><max>{}</max></max_memory_usage>
{}  </constraints></default></profiles>
</clickhouse>
)";

constexpr std::array kEnginesInTheStore = {
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "CoalescingMergeTree",
    "GraphiteMergeTree",
    "Memory",
    "Log",
    "TinyLog",
    "StripeLog",
    "Null",
    "Set",
    "Join",
    "Buffer",
    "Merge",
    "View",
    "MaterializedView",
    "GenerateRandom",
};

// Settings that name files or addresses, or that carry SQL which no parser of ours sees.
constexpr std::array kSettingsThatLeadOutside = {
    "dialect",
    "additional_table_filters",
    "additional_result_filter",
    "parallel_replicas_custom_key",
    "cluster_for_parallel_replicas",
    "format_schema",
    "format_schema_source",
    "format_template_row",
    "format_template_resultset",
    "format_avro_schema_registry_url",
    "output_format_schema",
    "input_format_record_errors_file_path",
    "allow_introspection_functions",
};

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

Result<std::string> write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (!file) return std::unexpected(errno_error("write " + path.string(), errno));
  return path.string();
}

}  // namespace

Result<std::string> write_engine_config(const EngineOptions& options) {
  const std::filesystem::path store = options.path;
  std::string users;
  if (!options.reaches_outside) {
    std::string engines;
    for (const char* engine : kEnginesInTheStore) {
      engines += fmt::format("      <query>GRANT TABLE ENGINE ON {}</query>\n", engine);
    }
    std::string settings;
    for (const char* setting : kSettingsThatLeadOutside) {
      settings += fmt::format("    <{0}><const/></{0}>\n", setting);
    }
    FRESHET_ASSIGN(
        const std::string path,
        write_file(store / "freshet-users.xml",
                   fmt::format(kConfinedUser, engines, options.memory_bytes_max, settings)));
    users = fmt::format(
        "  <users_config>{}</users_config>\n  <remote_url_allow_hosts></remote_url_allow_hosts>\n",
        xml_text(path));
  }
  return write_file(store / "freshet-engine.xml", fmt::format(kConfigText, users));
}

}  // namespace freshet::warehouse
