#include "app/external_clickhouse.h"

#include "base/check.h"

namespace freshet::app {
namespace {

warehouse::BlockCompression compression_of(config::ClickHouseCompression compression) {
  switch (compression) {
    case config::ClickHouseCompression::kNone:
      return warehouse::BlockCompression::kNone;
    case config::ClickHouseCompression::kLz4:
      return warehouse::BlockCompression::kLz4;
    case config::ClickHouseCompression::kZstd:
      return warehouse::BlockCompression::kZstd;
  }
  return warehouse::BlockCompression::kLz4;
}

}  // namespace

Result<std::unique_ptr<warehouse::HttpClickHouse>> open_clickhouse(
    const config::ExternalClickHouseSettings& settings) {
  warehouse::HttpClickHouseOptions options{.urls = {},
                                           .user = settings.user,
                                           .password = settings.password,
                                           .tls = {.ca = settings.ca,
                                                   .certificate = settings.certificate,
                                                   .key = settings.key,
                                                   .check_certificate = settings.check_certificate},
                                           .connect_timeout = settings.connect_timeout,
                                           .answer_timeout = settings.timeout,
                                           .compression = compression_of(settings.compression)};
  for (const std::string& text : settings.urls) {
    FRESHET_ASSIGN(HttpUrl url, HttpUrl::parse(text, warehouse::kClickHousePorts));
    options.urls.push_back(std::move(url));
  }
  return warehouse::HttpClickHouse::open(std::move(options));
}

std::string clickhouse_address(const config::ExternalClickHouseSettings& settings) {
  FRESHET_CHECK(!settings.urls.empty());
  return settings.urls.front();
}

}  // namespace freshet::app
