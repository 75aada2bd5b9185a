// A ClickHouse server, or a cluster's replicas, over HTTP or HTTPS.
//
// An INSERT is one request: the statement with its settings in the URL, one Native block in
// compressed blocks with checksums as the body, its size known before the first byte. What can
// become of it, and what insert() says:
//
//   step                                     fails with               has it landed?
//   1 a connection is taken or opened        kUnavailable, kTimeout   no
//   2 head and half of the body are sent     kUnavailable, kTimeout   no: the server has the size
//   3 the rest is sent                       kUnavailable, kTimeout   unknown: in doubt
//   4 the answer is waited for               kUnavailable, kTimeout   unknown: in doubt, and the
//                                                                     INSERT may still be running
//   5 an answer that is not ClickHouse's     kUnavailable             unknown: in doubt
//   6 ClickHouse's answer: an error          as the error says        nothing, or some parts
//   7 ClickHouse's answer: done              –                        yes
//
// Invariants:
//   - An INSERT is sent once by insert(): whether to send it again is decided by whoever can look
//     at the table (sink::ClickHouseSink::replay). Statements that only read are sent a second time
//     if a connection at rest turns out to be closed before a byte of an answer has come.
//   - A connection is used again only after an answer was read to its end; so no answer is ever
//     taken for that of another request.
//   - Only an answer with ClickHouse's own headers and no exception is a success. Answers come in
//     checksummed blocks, so that a body cut or changed on the way is seen.
//   - Reads pin the settings by which a user's profile could shorten or delay a result.
//
// Several urls are replicas of the same data: the one that last answered is asked; when it cannot
// be reached, the next. A session stays where it began.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/http_url.h"
#include "config/secret.h"
#include "io/tls_client_context.h"
#include "warehouse/clickhouse.h"
#include "warehouse/compressed_block.h"

namespace freshet::warehouse {

inline constexpr HttpUrl::DefaultPorts kClickHousePorts{.plain = 8123, .tls = 8443};

struct HttpClickHouseOptions {
  std::vector<HttpUrl> urls;  // at least one
  std::string user = "default";
  config::Secret password;
  io::TlsClientFiles tls;  // for urls with https
  std::chrono::milliseconds connect_timeout{5'000};
  /// Longest silence: more than the slowest INSERT takes, its materialized views included.
  std::chrono::milliseconds answer_timeout{120'000};
  BlockCompression compression = BlockCompression::kLz4;  // of INSERTs
};

class HttpClickHouse final : public ClickHouse {
 public:
  /// Asks who is there. kUnavailable, kTimeout: nobody answers, or not as ClickHouse does;
  /// kRefused: user, password or certificate are not accepted, with what to do; kInvalidArgument: a
  /// TLS file.
  static Result<std::unique_ptr<HttpClickHouse>> open(HttpClickHouseOptions options);
  ~HttpClickHouse() override;
  HttpClickHouse(const HttpClickHouse&) = delete;
  HttpClickHouse& operator=(const HttpClickHouse&) = delete;

  Result<QueryResult> query(std::string_view sql, std::string_view format = "TabSeparated",
                            const Settings& settings = {}) override;
  Result<void> stream(std::string_view sql, std::string_view format, const Settings& settings,
                      const ChunkSink& on_chunk) override;
  Result<void> answer(std::string_view sql, std::string_view format, const Settings& settings,
                      const ChunkSink& on_chunk) override;
  Result<InsertResult> insert(const InsertStatement& statement,
                              std::span<const std::string_view> chunks,
                              const std::function<void()>& between_chunks = {}) override;
  Result<std::unique_ptr<Session>> open_session() override;
  /// A server does not end an INSERT because its client has gone.
  [[nodiscard]] bool may_run_on() const override { return true; }
  /// On any of the replicas that can be reached.
  Result<bool> is_inserting(std::string_view token) override;
  /// The server's own affair.
  Result<void> sync_tokens(const std::string& table_directory) override;
  [[nodiscard]] size_t replicas() const override;
  [[nodiscard]] const std::string& version() const override;

  /// The url that is asked now, for people.
  [[nodiscard]] std::string address() const;

 private:
  class State;
  class HttpSession;
  explicit HttpClickHouse(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::warehouse
