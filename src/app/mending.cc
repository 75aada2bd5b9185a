#include "app/mending.h"

#include <charconv>
#include <mutex>

#include "app/platform_runtime.h"
#include "config/units.h"

namespace freshet::app {
namespace {

std::mutex one_at_a_time;

Result<int64_t> number(const std::string& name, const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Errc::kInvalidArgument, "{}: '{}' is not a whole number", name, text.substr(0, 40));
  }
  return value;
}

}  // namespace

Result<std::vector<pipeline::RepairReport>> repair_pipelines(const config::Platform& platform,
                                                             const std::optional<std::string>& name,
                                                             EmbeddedServices& services,
                                                             bool dry_run) {
  FRESHET_ASSIGN(const auto selected, select_pipelines(platform, name));
  const std::lock_guard lock(one_at_a_time);
  std::vector<pipeline::RepairReport> reports;
  for (const auto* settings : selected) {
    FRESHET_TRY(with_pipeline_data(
        platform, *settings, services, [&](const pipeline::VerifyInput& input) -> Result<void> {
          FRESHET_ASSIGN_CONTEXT(reports.emplace_back(),
                                 pipeline::repair(input, dry_run, services.clock()), "repair {}",
                                 settings->name);
          return {};
        }));
  }
  return reports;
}

Result<pipeline::ReplayReport> replay_pipeline(const config::Platform& platform,
                                               const std::string& name, EmbeddedServices& services,
                                               const pipeline::LetterFilter& filter, bool dry_run) {
  FRESHET_ASSIGN(const auto selected, select_pipelines(platform, name));
  const std::lock_guard lock(one_at_a_time);
  pipeline::ReplayReport report;
  FRESHET_TRY(with_pipeline_data(
      platform, *selected.front(), services,
      [&](const pipeline::VerifyInput& input) -> Result<void> {
        FRESHET_ASSIGN_CONTEXT(report,
                               pipeline::replay_letters(input, filter, dry_run, services.clock()),
                               "replay of {}", name);
        return {};
      }));
  return report;
}

std::string to_json(const std::vector<pipeline::RepairReport>& reports) {
  std::string out = "[";
  for (const auto& report : reports) out += (out.size() > 1 ? "," : "") + to_json(report);
  return out + "]";
}

std::map<std::string, std::string> filter_query(const pipeline::LetterFilter& filter) {
  std::map<std::string, std::string> query;
  if (filter.reason) query["reason"] = *filter.reason;
  if (filter.path) query["path"] = *filter.path;
  if (filter.topic) query["topic"] = *filter.topic;
  if (filter.partition) query["partition"] = std::to_string(*filter.partition);
  if (filter.since) query["since"] = std::to_string(filter.since->time_since_epoch().count());
  if (filter.until) query["until"] = std::to_string(filter.until->time_since_epoch().count());
  return query;
}

Result<pipeline::LetterFilter> filter_of_query(const std::map<std::string, std::string>& query) {
  pipeline::LetterFilter filter;
  for (const auto& [name, value] : query) {
    if (name == "reason") {
      filter.reason = value;
    } else if (name == "path") {
      filter.path = value;
    } else if (name == "topic") {
      filter.topic = value;
    } else if (name == "partition") {
      FRESHET_ASSIGN(const int64_t partition, number(name, value));
      filter.partition = static_cast<int32_t>(partition);
    } else if (name == "since") {
      FRESHET_ASSIGN(const int64_t since, number(name, value));
      filter.since = WallMillis(Millis(since));
    } else if (name == "until") {
      FRESHET_ASSIGN(const int64_t until, number(name, value));
      filter.until = WallMillis(Millis(until));
    } else if (name != "pipeline" && name != "dry_run") {
      return fail(Errc::kInvalidArgument, "unknown parameter {}", name);
    }
  }
  return filter;
}

Result<WallMillis> parse_filter_time(const std::string& text, const Clock& clock) {
  if (const auto ago = config::parse_duration(text)) return clock.wall() - *ago;
  const auto time = config::parse_utc_time(text);
  if (time) return WallMillis(*time);
  return fail(
      Errc::kInvalidArgument,
      "'{}' is not a time; write it as 2026-11-01T00:00:00Z, 2026-11-01, or 15m, 2h, 7d for "
      "that long ago",
      text.substr(0, 40));
}

}  // namespace freshet::app
