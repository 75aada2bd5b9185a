#include "warehouse/http_clickhouse.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "base/check.h"
#include "io/http_connection.h"
#include "observe/log.h"
#include "warehouse/http_reply.h"

namespace freshet::warehouse {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

const Logger logger("warehouse.http");

// A server that does not say how long it keeps a connection at rest keeps it longer than this.
constexpr seconds kRestDefault{3};
constexpr size_t kIdleConnectionsMax = 16;
constexpr seconds kSessionTimeout{60};
// ClickHouse parses at most 256 KiB of a statement unless it is told otherwise.
constexpr size_t kParsedByDefault = size_t{200} << 10;

struct Parameter {
  std::string_view name;
  std::string value;
};
using Parameters = std::vector<Parameter>;

// What a profile could set so that a result comes short, late or with more than its rows.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kReadPins = {{
    {"limit", "0"},
    {"offset", "0"},
    {"extremes", "0"},
    {"use_query_cache", "0"},
    {"read_overflow_mode", "throw"},
    {"result_overflow_mode", "throw"},
    {"timeout_overflow_mode", "throw"},
    {"group_by_overflow_mode", "throw"},
    {"sort_overflow_mode", "throw"},
    {"distinct_overflow_mode", "throw"},
    {"set_overflow_mode", "throw"},
    {"join_overflow_mode", "throw"},
}};

std::string query_string(const Parameters& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    text += fmt::format("{}{}={}", text.empty() ? "?" : "&", io::percent_encode(parameter.name),
                        io::percent_encode(parameter.value));
  }
  return text;
}

void add_settings(const Settings& settings, Parameters& parameters) {
  for (const Setting& setting : settings) {
    std::erase_if(parameters, [&](const Parameter& one) { return one.name == setting.name; });
    parameters.push_back({setting.name, setting.value});
  }
}

Parameters read_parameters(std::string_view sql, std::string_view format,
                           const Settings& settings) {
  Parameters parameters = {{"default_format", std::string(format)}, {"compress", "1"}};
  for (const auto& [name, value] : kReadPins) parameters.push_back({name, std::string(value)});
  if (sql.size() > kParsedByDefault) {
    parameters.push_back({"max_query_size", fmt::format("{}", sql.size() * 2)});
  }
  add_settings(settings, parameters);
  return parameters;
}

std::string new_session_id() {
  std::random_device random;
  return fmt::format("freshet-{:08x}{:08x}{:08x}", random(), random(), random());
}

// Takes the compressed blocks of an answer apart as they come.
class AnswerReader {
 public:
  explicit AnswerReader(const ChunkSink& on_chunk) : on_chunk_(on_chunk) {}

  /// False: failure() says why no more is wanted.
  bool add(const io::HttpReply& head, std::string_view piece) {
    std::string plain;
    if (auto read = blocks_.add(piece, plain); !read) {
      // Whoever damaged it may be gone at the next attempt.
      failure_ = Error(Errc::kUnavailable,
                       fmt::format("the answer is damaged: {}", read.error().message()));
      return false;
    }
    const auto tag = io::find_header(head.headers, "X-ClickHouse-Exception-Tag");
    if (auto late = late_clickhouse_error(plain, tag)) {
      failure_ = std::move(*late);
      return false;
    }
    if (plain.empty()) return true;
    if (auto taken = on_chunk_(plain); !taken) {
      failure_ = std::move(taken).error();
      return false;
    }
    return true;
  }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  [[nodiscard]] Result<void> finish() const { return blocks_.finish(); }

 private:
  const ChunkSink& on_chunk_;
  CompressedBlockReader blocks_;
  std::optional<Error> failure_;
};

}  // namespace

class HttpClickHouse::State {
 public:
  explicit State(HttpClickHouseOptions given) : options(std::move(given)) {}

  struct Connection {
    size_t url = 0;  // of options.urls
    std::unique_ptr<io::HttpConnection> http;
    bool rested = false;  // it has answered a request before
  };
  struct Request {
    const Parameters& parameters;
    std::string_view body;
    std::function<void()> in_mid_body = {};
    bool only_reads = false;  // may be sent again
  };

  Result<void> start();
  /// One that is at rest, or a new one.
  Result<Connection> take();
  Result<Connection> connect();
  void give_back(Connection connection);
  /// The answer of ClickHouse, which is no error.
  Result<io::HttpReply> ask(const Request& request, const io::HttpConnection::OnBody& on_body = {});
  Result<io::HttpReply> ask_on(Connection& connection, const Request& request,
                               const io::HttpConnection::OnBody& on_body);
  /// Whether `sql` counts more than nothing on that replica; one that cannot be reached runs
  /// nothing that can still be seen: there the token alone decides.
  Result<bool> counts_any(size_t number, std::string_view sql);
  Result<QueryResult> whole_answer(const io::HttpReply& reply) const;
  Parameters insert_parameters(const InsertStatement& statement) const;
  std::string pack(std::span<const std::string_view> chunks) const;
  static InsertResult insert_result(const io::HttpReply& reply);
  std::string take_session();
  void give_back_session(std::string id);

  const HttpClickHouseOptions options;
  std::shared_ptr<io::TlsClientContext> tls;  // constant after start()
  std::string version;                        // likewise
  std::atomic<bool> opened{false};
  std::atomic<size_t> preferred{0};  // url that last answered

 private:
  struct Resting {
    Connection connection;
    steady_clock::time_point since;
  };
  Result<io::HttpReply> send(Connection& connection, const Request& request,
                             const io::HttpConnection::OnBody& on_body) const;
  [[nodiscard]] Error connect_failure(const Error& error, const HttpUrl& url) const;

  std::mutex mutex_;
  std::vector<Resting> resting_;       // guarded by mutex_; newest last
  std::vector<std::string> sessions_;  // guarded by mutex_; ids that nobody uses
};

Error HttpClickHouse::State::connect_failure(const Error& error, const HttpUrl& url) const {
  // At the start a person looks on; later the pipeline waits for somebody to mend it.
  const bool wait = opened && error.code() == Errc::kRefused;
  return Error(wait ? Errc::kUnavailable : error.code(), error.message())
      .with_context(fmt::format("ClickHouse at {}", url.display()));
}

Result<HttpClickHouse::State::Connection> HttpClickHouse::State::connect() {
  const size_t first = preferred;
  std::optional<Error> failure;
  for (size_t i = 0; i < options.urls.size(); ++i) {
    const size_t number = (first + i) % options.urls.size();
    auto http = io::HttpConnection::open(
        options.urls[number], tls,
        {.connect_timeout = options.connect_timeout, .silence_timeout = options.answer_timeout});
    if (http) {
      if (number != first) {
        preferred = number;
        logger.warn("another replica is asked", kv("url", options.urls[number].display()),
                    kv("because", failure->message()));
      }
      return Connection{.url = number, .http = std::move(*http)};
    }
    failure = connect_failure(http.error(), options.urls[number]);
  }
  return std::unexpected(*std::move(failure));
}

Result<HttpClickHouse::State::Connection> HttpClickHouse::State::take() {
  {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    while (!resting_.empty()) {
      Resting newest = std::move(resting_.back());
      resting_.pop_back();
      const seconds kept = newest.connection.http->kept_for();
      // A second less, so that it is not closed while the request is on its way.
      const auto limit = kept > seconds(1) ? kept - seconds(1) : kRestDefault;
      if (newest.connection.url == preferred && now - newest.since < limit &&
          newest.connection.http->is_reusable()) {
        return std::move(newest.connection);
      }
    }
  }
  return connect();
}

void HttpClickHouse::State::give_back(Connection connection) {
  if (!connection.http->is_reusable()) return;
  connection.rested = true;
  const std::lock_guard lock(mutex_);
  if (resting_.size() >= kIdleConnectionsMax) resting_.erase(resting_.begin());
  resting_.push_back({.connection = std::move(connection), .since = steady_clock::now()});
}

Result<io::HttpReply> HttpClickHouse::State::send(Connection& connection, const Request& request,
                                                  const io::HttpConnection::OnBody& on_body) const {
  io::HttpHeaders headers = {{"User-Agent", "freshet"}, {"X-ClickHouse-User", options.user}};
  if (!options.password.empty()) {
    headers.emplace_back("X-ClickHouse-Key", options.password.reveal());
  }
  const std::string target =
      options.urls[connection.url].path + "/" + query_string(request.parameters);
  return connection.http->ask({.method = "POST",
                               .target = target,
                               .headers = headers,
                               .body = request.body,
                               .in_mid_body = request.in_mid_body},
                              on_body);
}

Result<io::HttpReply> HttpClickHouse::State::ask_on(Connection& connection, const Request& request,
                                                    const io::HttpConnection::OnBody& on_body) {
  auto reply = send(connection, request, on_body);
  if (!reply && connection.rested && request.only_reads && !connection.http->was_answered() &&
      reply.error().code() == Errc::kUnavailable) {
    // It was closed while it rested.
    FRESHET_ASSIGN(connection, connect());
    reply = send(connection, request, on_body);
  }
  const std::string from = options.urls[connection.url].display();
  if (!reply) {
    if (reply.error().code() != Errc::kCancelled && options.urls.size() > 1) {
      preferred = (connection.url + 1) % options.urls.size();
    }
    return std::unexpected(
        std::move(reply).error().with_context(fmt::format("ClickHouse at {}", from)));
  }
  if (auto error = error_of_clickhouse_reply(*reply, from)) {
    return std::unexpected(std::move(*error));
  }
  return reply;
}

Result<io::HttpReply> HttpClickHouse::State::ask(const Request& request,
                                                 const io::HttpConnection::OnBody& on_body) {
  FRESHET_ASSIGN(Connection connection, take());
  auto reply = ask_on(connection, request, on_body);
  give_back(std::move(connection));
  return reply;
}

Result<bool> HttpClickHouse::State::counts_any(size_t number, std::string_view sql) {
  auto http = io::HttpConnection::open(
      options.urls[number], tls,
      {.connect_timeout = options.connect_timeout, .silence_timeout = options.answer_timeout});
  if (!http) return false;
  Connection connection{.url = number, .http = std::move(*http)};
  Parameters parameters = read_parameters(sql, "TSVRaw", {});
  parameters.push_back({"wait_end_of_query", "1"});
  FRESHET_ASSIGN(const io::HttpReply reply,
                 ask_on(connection, {.parameters = parameters, .body = sql}, {}));
  FRESHET_ASSIGN(const QueryResult result, whole_answer(reply));
  return !result.bytes.starts_with("0");
}

Result<QueryResult> HttpClickHouse::State::whole_answer(const io::HttpReply& reply) const {
  constexpr size_t kPlainBytesMax = size_t{1} << 30;
  auto plain = read_compressed_blocks(reply.body, kPlainBytesMax);
  if (!plain) {
    return fail(plain.error().code() == Errc::kTooLarge ? Errc::kTooLarge : Errc::kUnavailable,
                "the answer is damaged: {}", plain.error().message());
  }
  return QueryResult{
      .bytes = std::move(*plain),
      .rows = summary_number(reply, "result_rows"),
      .rows_read = summary_number(reply, "read_rows"),
      .bytes_read = summary_number(reply, "read_bytes"),
      .rows_written = summary_number(reply, "written_rows"),
      .bytes_written = summary_number(reply, "written_bytes"),
      .elapsed_seconds = static_cast<double>(summary_number(reply, "elapsed_ns")) / 1e9};
}

Parameters HttpClickHouse::State::insert_parameters(const InsertStatement& statement) const {
  return {{"query", fmt::format("{} FORMAT {}", insert_sql(statement), statement.format)},
          {"decompress", "1"},
          {"wait_end_of_query", "1"}};
}

std::string HttpClickHouse::State::pack(std::span<const std::string_view> chunks) const {
  std::string body;
  for (const std::string_view chunk : chunks) {
    append_compressed_blocks(chunk, body, options.compression);
  }
  return body;
}

InsertResult HttpClickHouse::State::insert_result(const io::HttpReply& reply) {
  return {.rows_written = summary_number(reply, "written_rows"),
          .bytes_written = summary_number(reply, "written_bytes"),
          .elapsed_seconds = static_cast<double>(summary_number(reply, "elapsed_ns")) / 1e9};
}

std::string HttpClickHouse::State::take_session() {
  const std::lock_guard lock(mutex_);
  if (sessions_.empty()) return new_session_id();
  std::string id = std::move(sessions_.back());
  sessions_.pop_back();
  return id;
}

void HttpClickHouse::State::give_back_session(std::string id) {
  const std::lock_guard lock(mutex_);
  sessions_.push_back(std::move(id));
}

Result<void> HttpClickHouse::State::start() {
  FRESHET_CHECK(!options.urls.empty());
  if (std::ranges::any_of(options.urls, &HttpUrl::tls)) {
    FRESHET_ASSIGN(tls, io::TlsClientContext::load(options.tls));
  }
  const Parameters parameters = {
      {"default_format", "TSVRaw"}, {"compress", "1"}, {"wait_end_of_query", "1"}};
  FRESHET_ASSIGN(const io::HttpReply reply,
                 ask({.parameters = parameters, .body = "SELECT version()", .only_reads = true}));
  FRESHET_ASSIGN(const QueryResult result, whole_answer(reply));
  version = result.bytes.substr(0, result.bytes.find('\n'));
  opened = true;
  return {};
}

// A session stays on one connection, so that it stays on one server behind a balancer, too.
class HttpClickHouse::HttpSession final : public ClickHouse::Session {
 public:
  HttpSession(State& state, State::Connection connection)
      : state_(state), connection_(std::move(connection)), id_(state.take_session()) {}
  ~HttpSession() override {
    if (failed_) return;  // a statement of it may still run
    state_.give_back(std::move(connection_));
    state_.give_back_session(std::move(id_));
  }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  Result<QueryResult> query(std::string_view sql, std::string_view format,
                            const Settings& settings) override {
    Parameters parameters = read_parameters(sql, format, settings);
    parameters.push_back({"wait_end_of_query", "1"});
    FRESHET_ASSIGN(const io::HttpReply reply, ask(std::move(parameters), sql));
    return state_.whole_answer(reply);
  }
  Result<InsertResult> insert(const InsertStatement& statement,
                              std::span<const std::string_view> chunks) override {
    FRESHET_ASSIGN(const io::HttpReply reply,
                   ask(state_.insert_parameters(statement), state_.pack(chunks)));
    return State::insert_result(reply);
  }

 private:
  Result<io::HttpReply> ask(Parameters parameters, std::string_view body) {
    if (!connection_.http->is_reusable()) {
      failed_ = true;
      return fail(Errc::kUnavailable, "the connection of a session was closed");
    }
    parameters.push_back({"session_id", id_});
    parameters.push_back({"session_timeout", fmt::format("{}", kSessionTimeout.count())});
    auto reply = state_.ask_on(connection_, {.parameters = parameters, .body = body}, {});
    failed_ = failed_ || !reply;
    return reply;
  }

  State& state_;
  State::Connection connection_;
  std::string id_;
  bool failed_ = false;
};

HttpClickHouse::HttpClickHouse(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClickHouse::~HttpClickHouse() = default;

Result<std::unique_ptr<HttpClickHouse>> HttpClickHouse::open(HttpClickHouseOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  FRESHET_TRY(state->start());
  return std::unique_ptr<HttpClickHouse>(new HttpClickHouse(std::move(state)));
}

Result<QueryResult> HttpClickHouse::query(std::string_view sql, std::string_view format,
                                          const Settings& settings) {
  Parameters parameters = read_parameters(sql, format, settings);
  parameters.push_back({"wait_end_of_query", "1"});
  const bool only_reads = sql.starts_with("SELECT ");
  FRESHET_ASSIGN(const io::HttpReply reply,
                 state_->ask({.parameters = parameters, .body = sql, .only_reads = only_reads}));
  return state_->whole_answer(reply);
}

Result<void> HttpClickHouse::stream(std::string_view sql, std::string_view format,
                                    const Settings& settings, const ChunkSink& on_chunk) {
  const Parameters parameters = read_parameters(sql, format, settings);
  AnswerReader reader(on_chunk);
  const auto reply =
      state_->ask({.parameters = parameters, .body = sql, .only_reads = sql.starts_with("SELECT ")},
                  [&reader](const io::HttpReply& head, std::string_view piece) {
                    return reader.add(head, piece);
                  });
  if (reader.failure()) return std::unexpected(*reader.failure());
  FRESHET_TRY(reply);
  if (!reader.finish()) return fail(Errc::kUnavailable, "the answer is cut off");
  return {};
}

Result<void> HttpClickHouse::answer(std::string_view sql, std::string_view format,
                                    const Settings& settings, const ChunkSink& on_chunk) {
  return stream(sql, format, settings, on_chunk);
}

Result<InsertResult> HttpClickHouse::insert(const InsertStatement& statement,
                                            std::span<const std::string_view> chunks,
                                            const std::function<void()>& between_chunks) {
  const Parameters parameters = state_->insert_parameters(statement);
  const std::string body = state_->pack(chunks);
  FRESHET_ASSIGN(
      const io::HttpReply reply,
      state_->ask({.parameters = parameters, .body = body, .in_mid_body = between_chunks}));
  return State::insert_result(reply);
}

Result<std::unique_ptr<ClickHouse::Session>> HttpClickHouse::open_session() {
  FRESHET_ASSIGN(State::Connection connection, state_->take());
  return std::make_unique<HttpSession>(*state_, std::move(connection));
}

Result<bool> HttpClickHouse::is_inserting(std::string_view token) {
  const std::string sql = fmt::format(
      "SELECT count() FROM system.processes WHERE "
      "startsWith(Settings['insert_deduplication_token'], {})",
      quote_string(token));
  const size_t replicas = state_->options.urls.size();
  for (size_t number = 0; replicas > 1 && number < replicas; ++number) {
    FRESHET_ASSIGN(const bool there, state_->counts_any(number, sql));
    if (there) return true;
  }
  if (replicas > 1) return false;
  FRESHET_ASSIGN(const QueryResult result, query(sql, "TSVRaw"));
  return !result.bytes.starts_with("0");
}

Result<void> HttpClickHouse::sync_tokens(const std::string& /*table_directory*/) { return {}; }

size_t HttpClickHouse::replicas() const { return state_->options.urls.size(); }

const std::string& HttpClickHouse::version() const { return state_->version; }

std::string HttpClickHouse::address() const {
  return state_->options.urls[state_->preferred].display();
}

}  // namespace freshet::warehouse
