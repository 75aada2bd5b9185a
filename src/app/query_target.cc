#include "app/query_target.h"

#include "app/warehouse_query.h"

namespace freshet::app {

Result<QueryTarget> QueryTarget::find(const PlatformOptions& options) {
  const std::filesystem::path data_dir = options.data_dir_or_default();
  QueryTarget target;
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
  return run_query(services_->warehouse(), sql, format, settings,
                   [&on_bytes](std::string_view chunk) -> Result<void> {
                     if (on_bytes(chunk)) return {};
                     return fail(Errc::kCancelled, "stopped");
                   });
}

}  // namespace freshet::app
