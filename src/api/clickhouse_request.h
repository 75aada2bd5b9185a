// One request of ClickHouse's HTTP interface, read from the HTTP request. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "io/http_message.h"
#include "warehouse/engine.h"

namespace freshet::api {

struct ClickHouseRequest {
  std::string query;  // ?query=; empty: the body is the query
  std::string body;   // unpacked
  warehouse::Settings settings;
  warehouse::QueryParameters parameters;  // param_name=
  std::string database;
  std::string format;  // default_format or X-ClickHouse-Format; empty: none
  std::string query_id;
  std::string session_id;
  std::chrono::seconds session_timeout{60};
  bool session_check = false;
  bool read_only = false;            // GET, or readonly=1
  bool packed_reply = false;         // compress=1
  bool whole_reply = false;          // wait_end_of_query=1: nothing is sent before the end
  bool progress_in_headers = false;  // send_progress_in_http_headers=1
  uint64_t protocol_revision = 0;    // client_protocol_version: how Native is framed
  std::string accept_encoding;       // Accept-Encoding, with enable_http_compression=1
};

struct Credentials {
  std::string user;
  std::string password;
};

/// Bytes that a body may unpack to.
inline constexpr size_t kClickHouseBodyBytesMax = size_t{256} << 20;

/// From basic auth, X-ClickHouse-User and -Key, or ?user=&password=; "default" if there are none.
Result<Credentials> read_credentials(const io::HttpRequest& request);

/// Errors carry ClickHouse's numbers. What this port does not do yet is refused by name.
Result<ClickHouseRequest> read_clickhouse_request(const io::HttpRequest& request);

}  // namespace freshet::api
