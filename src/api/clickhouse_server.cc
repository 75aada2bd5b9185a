#include "api/clickhouse_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "api/answer_packer.h"
#include "api/clickhouse_reply.h"
#include "api/clickhouse_request.h"
#include "api/running_statements.h"
#include "io/http_server.h"
#include "io/worker_pool.h"
#include "observe/metrics.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/compressed_block.h"
#include "warehouse/native_reframer.h"
#include "warehouse/statement_guard.h"

namespace freshet::api {
namespace {

using std::chrono::steady_clock;
using warehouse::AdmittedStatement;
using warehouse::clickhouse_style_error;
using Kind = AdmittedStatement::Kind;

std::mt19937_64& random_numbers() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

// 16 letters that no answer holds by chance.
std::string new_exception_tag() {
  std::string tag;
  for (uint64_t rest = random_numbers()(); tag.size() < 16; rest /= 16) {
    tag += static_cast<char>('a' + rest % 16);
  }
  return tag;
}

std::string new_query_id() {
  auto& random = random_numbers();
  const uint64_t a = random();
  const uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff,
                     (b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
}

// A page of another site makes its browser ask; it says so in one of these.
bool from_another_site(const io::HttpRequest& request) {
  if (io::find_header(request.headers, "Sec-Fetch-Site") == "cross-site") return true;
  std::string_view origin = io::find_header(request.headers, "Origin");
  if (origin.empty()) return false;
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return true;
  origin.remove_prefix(scheme + 3);
  const std::string_view host = origin.starts_with('[') ? origin.substr(0, origin.find(']') + 1)
                                                        : origin.substr(0, origin.find(':'));
  return host != "localhost" && host != "127.0.0.1" && host != "[::1]";
}

// Bytes of a streamed answer that are held back: one that is no longer goes out as a whole, with
// its summary in the header.
constexpr size_t kHeldBytesMax = size_t{1} << 20;

// Sessions that are known by name only cost little.
constexpr size_t kSessionIdsMax = 10'000;

// What bounds a statement unless it, or its session, says otherwise.
constexpr std::array<std::string_view, 3> kDefaultLimits = {"max_execution_time", "max_result_rows",
                                                            "max_memory_usage"};

struct Session {
  std::optional<warehouse::Connection> connection;  // none: it has nothing of its own
  std::set<std::string, std::less<>> sets;          // names of settings that it has SET
  std::string database = "default";                 // that it USEs
  steady_clock::time_point expires;
  bool busy = false;
  bool keeps = false;  // it has, or is about to have, something of its own
};

// Settings that put more than rows into an answer, whatever its format.
constexpr std::array<std::string_view, 2> kFramingSettings = {"extremes",
                                                              "output_format_json_array_of_rows"};

bool has_setting(const warehouse::Settings& settings, std::string_view name) {
  return std::ranges::find(settings, name, &warehouse::Setting::name) != settings.end();
}

std::unexpected<Error> too_many_sessions() {
  return std::unexpected(clickhouse_style_error(
      Errc::kUnavailable, 202, "TOO_MANY_SIMULTANEOUS_QUERIES",
      "too many sessions are open; wait until some time out, or do without session_id"));
}

}  // namespace

// What /metrics says about the port.
class ClickHouseServer::Probe {
 public:
  explicit Probe(MetricRegistry& metrics)
      : running(metrics.gauge("freshet_api_clickhouse_running",
                              "Statements of ClickHouse clients that run now; at the number of "
                              "services.clickhouse.statements others wait.")),
        cancelled(metrics.counter("freshet_api_clickhouse_cancelled_total",
                                  "Statements that were ended by KILL QUERY or because their "
                                  "client went away.")),
        metrics_(metrics) {}

  void answered(std::string_view kind, std::string_view outcome, double seconds) {
    metrics_
        .counter("freshet_api_clickhouse_requests_total",
                 "Answered requests of ClickHouse clients by what they did; refused: by the rules "
                 "of the port, which a rise of means that somebody tries what it does not allow.",
                 {{"kind", std::string(kind)}, {"outcome", std::string(outcome)}})
        .increment();
    metrics_
        .histogram("freshet_api_clickhouse_request_seconds",
                   "From a complete request to the end of its answer; a rise means heavier "
                   "statements or that they wait for each other.",
                   latency_buckets(), {{"kind", std::string(kind)}})
        .observe(seconds);
  }

  Gauge& running;
  Counter& cancelled;

 private:
  MetricRegistry& metrics_;
};

class ClickHouseServer::State {
 public:
  State(io::IoThreads& threads, MetricRegistry& metrics, EngineSource engine, Options options)
      : engine_source(std::move(engine)),
        options(std::move(options)),
        probe(metrics),
        running([this](std::string_view tag) { return kill(tag); }),
        pool({.name = "clickhouse", .threads = this->options.queries_max}),
        http(threads, {.service = "ClickHouse HTTP",
                       .header_bytes_max = size_t{1} << 20,  // queries stand in the URL
                       .body_bytes_max = kClickHouseBodyBytesMax,
                       .connections_max = 256,
                       .request_timeout = std::chrono::minutes(5)}) {}

  struct Opened {
    warehouse::Engine* engine = nullptr;
    std::optional<warehouse::StatementGuard> guard;
    std::string timezone;
  };
  Result<const Opened*> open();
  Result<void> kill(std::string_view tag);
  io::HttpResponse handle(const io::HttpRequest& request);
  io::HttpResponse error_reply(const Error& error, const std::string& query_id);
  std::string error_text(const Error& error);

  EngineSource engine_source;
  Options options;
  Probe probe;
  RunningStatements running;
  io::WorkerPool pool;
  io::HttpServer http;
  std::mutex open_mutex;
  Opened opened;  // written once, under open_mutex
  std::mutex sessions_mutex;
  std::map<std::string, std::shared_ptr<Session>> sessions;  // guarded by sessions_mutex

 private:
  class Statement;
};

// One statement from its request to its answer. Used by one worker thread at a time.
class ClickHouseServer::State::Statement {
 public:
  Statement(State& state, const Opened& opened, ClickHouseRequest request,
            std::unique_ptr<RunningStatements::Entry> entry)
      : state_(state),
        opened_(opened),
        request_(std::move(request)),
        entry_(std::move(entry)),
        packer_(request_.accept_encoding.empty() ? nullptr
                                                 : make_answer_packer(request_.accept_encoding)) {
    state_.probe.running.add(1);
  }
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Result<io::HttpResponse> prepare();
  Result<void> stream(io::HttpBodyWriter& out);
  /// Of a streamed answer that was not long enough to be sent in pieces.
  void complete(io::HttpResponse& response);
  void failed(const Error& error);
  [[nodiscard]] bool streams() const { return streams_; }

 private:
  Result<void> enter_session();
  Result<void> keep_session();
  void leave_session();
  Result<void> admit();
  void limit();
  Result<void> remember_set();
  [[nodiscard]] bool sets(std::string_view setting) const;
  [[nodiscard]] bool can_stream() const;
  [[nodiscard]] std::string timezone() const;
  Result<void> insert(io::HttpResponse& response);
  Result<void> run(io::HttpResponse& response);
  Result<void> kill(io::HttpResponse& response);
  void add_summary(const StatementSummary& summary, io::HttpResponse& response) const;
  [[nodiscard]] std::string packed(std::string_view bytes, bool last);
  Result<std::string> framed(std::string_view bytes, bool last);

  State& state_;
  const Opened& opened_;
  ClickHouseRequest request_;
  std::unique_ptr<RunningStatements::Entry> entry_;
  const std::unique_ptr<AnswerPacker> packer_;
  const steady_clock::time_point began_ = steady_clock::now();
  std::string_view outcome_ = "ok";
  std::shared_ptr<Session> session_;
  std::optional<warehouse::Connection> connection_;
  std::string text_;
  std::string_view rest_of_data_;  // of an INSERT: the body, after a query in the URL
  AdmittedStatement statement_;
  bool admitted_ = false;
  std::string format_;
  std::optional<warehouse::NativeReframer> reframer_;  // Native for a client of a newer revision
  bool streams_ = false;
  std::string held_;           // the beginning of a streamed answer
  std::string exception_tag_;  // of a streamed answer
  StatementSummary summary_;
};

ClickHouseServer::State::Statement::~Statement() {
  if (entry_->cancelled()) state_.probe.cancelled.increment();
  entry_.reset();  // before its connection goes to anybody else
  leave_session();
  constexpr std::array<std::string_view, 6> kKinds = {"select", "read",    "write",
                                                      "insert", "session", "kill"};
  state_.probe.running.add(-1);
  state_.probe.answered(admitted_ ? kKinds[static_cast<size_t>(statement_.kind)] : "none", outcome_,
                        std::chrono::duration<double>(steady_clock::now() - began_).count());
}

void ClickHouseServer::State::Statement::failed(const Error& error) {
  outcome_ = error.code() == Errc::kRefused ? "refused" : "error";
}

Result<void> ClickHouseServer::State::Statement::enter_session() {
  if (request_.session_id.empty()) return {};
  const std::scoped_lock lock(state_.sessions_mutex);
  const auto now = steady_clock::now();
  std::erase_if(state_.sessions, [now](const auto& entry) {
    return !entry.second->busy && entry.second->expires < now;
  });
  auto found = state_.sessions.find(request_.session_id);
  if (found == state_.sessions.end()) {
    if (request_.session_check) {
      return std::unexpected(
          clickhouse_style_error(Errc::kNotFound, 372, "SESSION_NOT_FOUND", "Session not found"));
    }
    if (state_.sessions.size() >= kSessionIdsMax) return too_many_sessions();
    found = state_.sessions.emplace(request_.session_id, std::make_shared<Session>()).first;
  }
  if (found->second->busy) {
    return std::unexpected(clickhouse_style_error(Errc::kUnavailable, 373, "SESSION_IS_LOCKED",
                                                  "Session is locked by a concurrent client"));
  }
  session_ = found->second;
  session_->busy = true;
  connection_ = std::exchange(session_->connection, std::nullopt);
  return {};
}

// A session that gets something of its own keeps its connection: there are only so many.
Result<void> ClickHouseServer::State::Statement::keep_session() {
  if (session_ == nullptr || statement_.kind != Kind::kSession) return {};
  const std::scoped_lock lock(state_.sessions_mutex);
  if (session_->keeps) return {};
  const auto keeping =
      std::ranges::count_if(state_.sessions, [](const auto& entry) { return entry.second->keeps; });
  if (std::cmp_greater_equal(keeping, state_.options.sessions_max)) return too_many_sessions();
  session_->keeps = true;
  return {};
}

void ClickHouseServer::State::Statement::leave_session() {
  if (session_ == nullptr) return;
  const std::scoped_lock lock(state_.sessions_mutex);
  if (session_->keeps) session_->connection = std::move(connection_);
  connection_.reset();
  session_->busy = false;
  session_->expires = steady_clock::now() + request_.session_timeout;
  session_.reset();
}

std::string ClickHouseServer::State::Statement::packed(std::string_view bytes, bool last) {
  std::string blocks;
  if (request_.packed_reply) {
    warehouse::append_compressed_blocks(bytes, blocks);
    bytes = blocks;
  }
  if (packer_ == nullptr) return std::string(bytes);
  std::string out;
  if (!bytes.empty()) packer_->add(bytes, out);
  if (last) packer_->finish(out);
  return out;
}

Result<void> ClickHouseServer::State::Statement::admit() {
  FRESHET_TRY(opened_.guard->check_settings(request_.settings));
  // A body after a query in the URL is the INSERT's data, or the rest of the query.
  text_ = request_.query.empty() ? std::move(request_.body) : request_.query + "\n";
  if (text_.find_first_not_of(" \t\r\n;") == std::string::npos) {
    return std::unexpected(
        clickhouse_style_error(Errc::kInvalidArgument, 62, "SYNTAX_ERROR", "Empty query"));
  }
  if (!request_.query.empty()) rest_of_data_ = request_.body;
  warehouse::Settings parsing;
  for (const warehouse::Setting& setting : request_.settings) {
    if (setting.name == "max_query_size" || setting.name.starts_with("max_parser_")) {
      parsing.push_back(setting);
    }
  }
  const auto judge = [&] {
    return opened_.guard->admit(*connection_, text_, request_.parameters, rest_of_data_, parsing);
  };
  auto admitted = judge();
  if ((!admitted || admitted->kind != Kind::kInsert) && !rest_of_data_.empty()) {
    text_ += rest_of_data_;
    rest_of_data_ = {};
    admitted = judge();
  }
  if (!admitted) return std::unexpected(std::move(admitted).error());
  statement_ = std::move(*admitted);
  admitted_ = true;
  if (statement_.kind == Kind::kSelect || statement_.kind == Kind::kRead) entry_->only_reads();
  const bool changes = statement_.kind == Kind::kWrite || statement_.kind == Kind::kInsert ||
                       statement_.kind == Kind::kKill;
  if (request_.read_only && changes) {
    return std::unexpected(clickhouse_style_error(
        Errc::kRefused, 164, "READONLY",
        "Cannot execute query in readonly mode; a request that changes data is a POST"));
  }
  return {};
}

bool ClickHouseServer::State::Statement::sets(std::string_view setting) const {
  return has_setting(request_.settings, setting) ||
         (session_ != nullptr && session_->sets.contains(setting));
}

// Limits, and the tag by which the statement can be cancelled. Not for SET: what it sets would be
// taken for a setting of this one statement.
void ClickHouseServer::State::Statement::limit() {
  if (statement_.only_sets) return;
  const std::array<uint64_t, kDefaultLimits.size()> defaults = {state_.options.seconds_default,
                                                                state_.options.limits.result_rows,
                                                                state_.options.limits.memory_bytes};
  for (size_t i = 0; i < kDefaultLimits.size(); ++i) {
    const std::string_view name = kDefaultLimits[i];
    if (sets(name)) continue;
    request_.settings.push_back({std::string(name), fmt::format("{}", defaults[i])});
  }
  request_.settings.push_back({"log_comment", entry_->tag()});
}

bool ClickHouseServer::State::Statement::can_stream() const {
  const auto frames = [this](std::string_view name) {
    const auto own = std::ranges::find(request_.settings, name, &warehouse::Setting::name);
    return own != request_.settings.end() ? own->value != "0" : sets(name);
  };
  return statement_.kind == Kind::kSelect && !request_.whole_reply && !statement_.frames_rows &&
         can_be_streamed(format_) && std::ranges::none_of(kFramingSettings, frames);
}

Result<io::HttpResponse> ClickHouseServer::State::Statement::prepare() {
  FRESHET_TRY(enter_session());
  if (!connection_) {
    FRESHET_ASSIGN(connection_, opened_.engine->connect());
  }
  // A request's own database holds for the request only.
  FRESHET_TRY(connection_->use(!request_.database.empty() ? request_.database
                               : session_ != nullptr      ? session_->database
                                                          : "default"));
  FRESHET_TRY(admit());
  FRESHET_TRY(keep_session());
  limit();
  if (entry_->cancelled()) {
    return std::unexpected(clickhouse_style_error(Errc::kCancelled, 394, "QUERY_WAS_CANCELLED",
                                                  "Query was cancelled before it began"));
  }
  format_ = !statement_.format.empty() ? statement_.format
            : !request_.format.empty() ? request_.format
                                       : "TabSeparated";
  // Clients that name an older one look first whether they get it, as clickhouse-connect does, and
  // read revision 0 as well.
  if (format_ == "Native" &&
      request_.protocol_revision >= warehouse::NativeReframer::kRevisionWithOwnForms) {
    reframer_.emplace(request_.protocol_revision);
  }
  io::HttpResponse response;
  response.content_type = clickhouse_content_type(format_);
  response.headers = {{"X-ClickHouse-Server-Display-Name", "freshet"},
                      {"X-ClickHouse-Query-Id", request_.query_id},
                      {"X-ClickHouse-Timezone", timezone()}};
  if (statement_.kind == Kind::kInsert) {
    FRESHET_TRY(insert(response));
    return response;
  }
  // Only what has rows has a format: that is how clients tell an empty answer from none.
  if (statement_.kind != Kind::kWrite && statement_.kind != Kind::kSession) {
    response.headers.emplace_back("X-ClickHouse-Format", format_);
  }
  if (statement_.kind == Kind::kKill) {
    FRESHET_TRY(kill(response));
    return response;
  }
  streams_ = can_stream();
  if (packer_ != nullptr) {
    response.headers.emplace_back("Content-Encoding", packer_->coding());
  }
  if (!streams_) {
    FRESHET_TRY(run(response));
  } else {
    exception_tag_ = new_exception_tag();
    response.headers.emplace_back("X-ClickHouse-Exception-Tag", exception_tag_);
  }
  return response;
}

// Unless a session has SET its own.
std::string ClickHouseServer::State::Statement::timezone() const {
  const auto own =
      std::ranges::find(request_.settings, "session_timezone", &warehouse::Setting::name);
  const bool is_given = own != request_.settings.end() && !own->value.empty() &&
                        std::ranges::all_of(own->value, [](char c) { return c > ' ' && c < 127; });
  return is_given ? own->value : opened_.timezone;
}

void ClickHouseServer::State::Statement::add_summary(const StatementSummary& summary,
                                                     io::HttpResponse& response) const {
  const std::string text = summary_json(summary);
  response.headers.emplace_back("X-ClickHouse-Summary", text);
  if (request_.progress_in_headers) response.headers.emplace_back("X-ClickHouse-Progress", text);
}

Result<void> ClickHouseServer::State::Statement::insert(io::HttpResponse& response) {
  warehouse::Settings settings = request_.settings;
  // How VALUES are read is the guard's business.
  std::erase_if(settings, [](const warehouse::Setting& setting) {
    return setting.name.starts_with("input_format_values_");
  });
  settings.insert(settings.end(), statement_.settings.begin(), statement_.settings.end());
  const std::array<std::string_view, 2> chunks = {statement_.data, rest_of_data_};
  FRESHET_ASSIGN(const auto done, connection_->insert({.sql = statement_.sql,
                                                       .format = statement_.format,
                                                       .settings = std::move(settings),
                                                       .parameters = request_.parameters},
                                                      chunks));
  add_summary({.written_rows = done.rows_written,
               .written_bytes = done.bytes_written,
               .result_rows = done.rows_written,
               .result_bytes = done.bytes_written,
               .elapsed_seconds = done.elapsed_seconds},
              response);
  return {};
}

Result<void> ClickHouseServer::State::Statement::run(io::HttpResponse& response) {
  FRESHET_ASSIGN(const auto result, connection_->query(statement_.sql, format_, request_.settings,
                                                       request_.parameters));
  if (session_ != nullptr && statement_.only_sets) FRESHET_TRY(remember_set());
  if (result.bytes.size() > kClickHouseBodyBytesMax) {
    return fail(Errc::kTooLarge,
                "the answer has more than {} bytes in a format that cannot be streamed; ask for "
                "Native, RowBinary, TabSeparated, CSV or JSONEachRow",
                kClickHouseBodyBytesMax);
  }
  add_summary({.read_rows = result.rows_read,
               .read_bytes = result.bytes_read,
               .written_rows = result.rows_written,
               .written_bytes = result.bytes_written,
               .result_rows = result.rows,
               .result_bytes = result.bytes.size(),
               .elapsed_seconds = result.elapsed_seconds},
              response);
  if (reframer_) FRESHET_TRY(reframer_->push(result.bytes, response.body));
  if (reframer_) FRESHET_TRY(reframer_->finish(response.body));
  response.body = packed(reframer_ ? response.body : result.bytes, true);
  return {};
}

/// What a client of a newer revision is to get for the next bytes of the engine's answer.
Result<std::string> ClickHouseServer::State::Statement::framed(std::string_view bytes, bool last) {
  std::string out;
  FRESHET_TRY(reframer_->push(bytes, out));
  if (last) FRESHET_TRY(reframer_->finish(out));
  return out;
}

Result<void> ClickHouseServer::State::Statement::remember_set() {
  session_->sets.insert(statement_.sets.begin(), statement_.sets.end());
  if (!statement_.sets.empty()) return {};
  FRESHET_ASSIGN(const auto used, connection_->query("SELECT currentDatabase()", "TSVRaw"));
  session_->database = used.bytes.substr(0, used.bytes.find('\n'));
  return {};
}

Result<void> ClickHouseServer::State::Statement::kill(io::HttpResponse& response) {
  const size_t killed = state_.running.cancel(statement_.killed);
  FRESHET_ASSIGN(
      const auto result,
      connection_->query("SELECT 'finished' AS kill_status, {id:String} AS query_id, "
                         "'default' AS user, '' AS query WHERE {killed:UInt64} > 0",
                         format_, {},
                         {{"id", statement_.killed}, {"killed", fmt::format("{}", killed)}}));
  response.body = result.bytes;
  return {};
}

Result<void> ClickHouseServer::State::Statement::stream(io::HttpBodyWriter& out) {
  bool begun = false;
  uint64_t bytes = 0;
  const auto pass_on = [&](std::string_view chunk) -> Result<void> {
    if (!begun && held_.size() + chunk.size() <= kHeldBytesMax) {
      held_ += chunk;
      return {};
    }
    if (!std::exchange(begun, true) && !held_.empty()) {
      FRESHET_TRY(out.write(packed(std::exchange(held_, {}), false)));
    }
    return out.write(packed(chunk, false));
  };
  auto done = connection_->stream(
      statement_.sql, format_, request_.settings,
      [&](std::string_view chunk) -> Result<void> {
        bytes += chunk.size();
        if (!reframer_) return pass_on(chunk);
        FRESHET_ASSIGN(const std::string whole, framed(chunk, false));
        return pass_on(whole);
      },
      request_.parameters);
  if (done && reframer_) {
    auto rest = framed({}, true);
    if (rest) {
      FRESHET_TRY(pass_on(*rest));
    } else {
      done = std::unexpected(std::move(rest).error());
    }
  }
  if (!done) {
    // The answer is cut off then, in any case.
    if (begun) {
      const std::string text = late_exception(state_.error_text(done.error()), exception_tag_);
      static_cast<void>(out.write(packed(text, true)));
    }
    return std::unexpected(done.error());
  }
  summary_ = {.read_rows = done->rows_read,
              .read_bytes = done->bytes_read,
              .result_rows = done->rows,
              .result_bytes = bytes,
              .elapsed_seconds = done->elapsed_seconds};
  return begun ? out.write(packed({}, true)) : Result<void>{};
}

void ClickHouseServer::State::Statement::complete(io::HttpResponse& response) {
  add_summary(summary_, response);
  response.body = packed(held_, true);
}

Result<void> ClickHouseServer::State::kill(std::string_view tag) {
  warehouse::Engine* engine = nullptr;
  {
    const std::scoped_lock lock(open_mutex);
    engine = opened.engine;
  }
  return engine == nullptr ? Result<void>{} : engine->kill(tag);
}

Result<const ClickHouseServer::State::Opened*> ClickHouseServer::State::open() {
  const std::scoped_lock lock(open_mutex);
  if (opened.guard) return &opened;
  FRESHET_ASSIGN(opened.engine, engine_source());
  FRESHET_ASSIGN(const auto zone, opened.engine->query("SELECT timezone()", "TSVRaw"));
  opened.timezone = zone.bytes.substr(0, zone.bytes.find('\n'));
  FRESHET_ASSIGN(opened.guard, warehouse::StatementGuard::open(*opened.engine, options.limits));
  return &opened;
}

io::HttpResponse ClickHouseServer::State::error_reply(const Error& error,
                                                      const std::string& query_id) {
  const Error numbered = with_clickhouse_number(error);
  const int code = warehouse::clickhouse_code(numbered).value_or(49);
  io::HttpResponse response;
  response.status = clickhouse_status(code);
  response.headers = {{"X-ClickHouse-Exception-Code", fmt::format("{}", code)},
                      {"X-ClickHouse-Server-Display-Name", "freshet"},
                      {"X-ClickHouse-Query-Id", query_id}};
  if (response.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"ClickHouse server HTTP API\"");
  }
  response.body = error_text(numbered);
  return response;
}

std::string ClickHouseServer::State::error_text(const Error& error) {
  const Error numbered = with_clickhouse_number(error);
  const std::scoped_lock lock(open_mutex);
  return exception_text(numbered, warehouse::clickhouse_code(numbered).value_or(49),
                        opened.engine == nullptr ? "26.7" : opened.engine->version());
}

io::HttpResponse ClickHouseServer::State::handle(const io::HttpRequest& request) {
  std::string query_id = new_query_id();
  if (from_another_site(request)) {
    return error_reply(clickhouse_style_error(Errc::kRefused, 497, "ACCESS_DENIED",
                                              "pages of other sites may not ask this port"),
                       query_id);
  }
  const auto user = read_credentials(request);
  if (!user) return error_reply(user.error(), query_id);
  // Where no password is set, any will do: some clients always send one.
  if (user->user != "default" ||
      (!options.password.empty() && user->password != options.password)) {
    return error_reply(
        clickhouse_style_error(Errc::kRefused, 516, "AUTHENTICATION_FAILED",
                               user->user + ": Authentication failed: password is incorrect, or "
                                            "there is no user with such name"),
        query_id);
  }
  if (request.method != "POST" && request.query.empty()) return {.body = "Ok.\n"};
  auto parsed = read_clickhouse_request(request);
  if (!parsed) return error_reply(parsed.error(), query_id);
  if (parsed->query_id.empty()) parsed->query_id = query_id;
  query_id = parsed->query_id;
  const auto ready = open();
  if (!ready) return error_reply(ready.error(), query_id);
  auto entry = running.enter(query_id);
  if (!entry) return error_reply(entry.error(), query_id);
  const uint64_t number = (*entry)->number();
  auto statement =
      std::make_shared<Statement>(*this, **ready, std::move(*parsed), std::move(*entry));
  // As the server's cancel_http_readonly_queries_on_client_close; what writes goes on.
  request.on_client_gone([this, number] { running.client_gone(number); });
  auto response = statement->prepare();
  if (!response) {
    statement->failed(response.error());
    return error_reply(response.error(), query_id);
  }
  if (statement->streams()) {
    response->stream = [statement](io::HttpBodyWriter& out) {
      auto done = statement->stream(out);
      if (!done) statement->failed(done.error());
      return done;
    };
    response->on_error = [this, query_id](const Error& error) {
      return error_reply(error, query_id);
    };
    response->on_unwritten = [statement](io::HttpResponse& whole) { statement->complete(whole); };
  }
  return std::move(*response);
}

ClickHouseServer::ClickHouseServer(io::IoThreads& threads, MetricRegistry& metrics,
                                   EngineSource engine, Options options)
    : state_(std::make_unique<State>(threads, metrics, std::move(engine), std::move(options))) {
  const auto ok = [](const io::HttpRequest&) { return io::HttpResponse{.body = "Ok.\n"}; };
  state_->http.route("GET", "/ping", ok);
  state_->http.route("GET", "/replicas_status", ok);
  const auto handle = [state = state_.get()](const io::HttpRequest& request) {
    return state->handle(request);
  };
  state_->http.route("GET", "/", handle, &state_->pool);
  state_->http.route("POST", "/", handle, &state_->pool);
}

ClickHouseServer::~ClickHouseServer() { stop(); }

Result<uint16_t> ClickHouseServer::listen(uint16_t port) {
  return state_->http.listen_tcp("127.0.0.1", port);
}

void ClickHouseServer::stop() {
  state_->http.stop(std::chrono::seconds(2), [this] { state_->running.cancel_all(); });
  state_->pool.stop();
  state_->running.stop();
  const std::scoped_lock lock(state_->sessions_mutex);
  state_->sessions.clear();
}

}  // namespace freshet::api
