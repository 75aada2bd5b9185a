#include "app/query_target.h"

#include "app/external_clickhouse.h"
#include "config/load_platform.h"

namespace freshet::app {

Result<QueryTarget> QueryTarget::find(const PlatformOptions& options) {
  const std::filesystem::path data_dir = options.data_dir_or_default();
  QueryTarget target;
  if (!options.file.empty()) {
    FRESHET_ASSIGN(const auto platform,
                   config::require_platform(config::load_platform_file(options.file)));
    if (!platform.external_clickhouse.urls.empty()) {
      FRESHET_ASSIGN(target.elsewhere_, open_clickhouse(platform.external_clickhouse));
      return target;
    }
  }
  FRESHET_ASSIGN(target.running_, RunningPlatform::find(data_dir));
  if (target.running_) return target;
  std::error_code failure;
  if (options.file.empty() && !std::filesystem::is_directory(data_dir / "warehouse", failure)) {
    return fail(Errc::kNotFound,
                "no platform runs on {} and there is no warehouse in it; start one with freshet up "
                "FILE, or name its directory with --data-dir",
                data_dir.string());
  }
  FRESHET_ASSIGN(target.services_,
                 EmbeddedServices::start({.data_dir = data_dir, .log = false, .listen = false}));
  return target;
}

Result<void> QueryTarget::query(const std::string& sql, const std::string& format,
                                const warehouse::Settings& settings,
                                const std::function<bool(std::string_view)>& on_bytes) {
  if (running_) return running_->sql(sql, format, settings, on_bytes);
  warehouse::ClickHouse& clickhouse =
      elsewhere_ ? static_cast<warehouse::ClickHouse&>(*elsewhere_) : services_->warehouse();
  return clickhouse.answer(sql, format, settings,
                           [&on_bytes](std::string_view chunk) -> Result<void> {
                             if (on_bytes(chunk)) return {};
                             return fail(Errc::kCancelled, "stopped");
                           });
}

}  // namespace freshet::app
