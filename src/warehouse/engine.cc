#include "warehouse/engine.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "observe/log.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/deduplication_log.h"
#include "warehouse/engine_config.h"
#include "warehouse/libchdb.h"

namespace freshet::warehouse {
namespace {

const Logger logger("warehouse");

// Pieces in which an INSERT's data is handed over; the engine copies each, so this bounds its copy.
constexpr size_t kAppendBytesMax = size_t{4} << 20;

// chdb_connect and chdb_set_signal_handlers_enabled(0) set these to SIG_DFL, whoever owned them.
constexpr std::array kSignalsTheEngineResets = {SIGABRT, SIGSEGV, SIGILL,  SIGBUS,
                                                SIGSYS,  SIGFPE,  SIGTSTP, SIGTRAP};

/// Puts the process's signal handlers back when it goes out of scope. One at a time.
class SignalGuard {
 public:
  SignalGuard() : lock_(mutex()) {
    for (size_t i = 0; i < saved_.size(); ++i) {
      ::sigaction(kSignalsTheEngineResets[i], nullptr, &saved_[i]);
    }
  }
  ~SignalGuard() {
    for (size_t i = 0; i < saved_.size(); ++i) {
      ::sigaction(kSignalsTheEngineResets[i], &saved_[i], nullptr);
    }
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  std::lock_guard<std::mutex> lock_;
  std::array<struct sigaction, kSignalsTheEngineResets.size()> saved_{};
};

// True if the text could leave something behind in the session: the connection is then not used for
// anybody else. Errs on the safe side; a fresh connection costs milliseconds.
bool may_change_session(std::string_view sql) {
  constexpr std::array<std::string_view, 3> kWords = {"SET", "USE", "TEMPORARY"};
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  for (size_t i = 0; i < sql.size();) {
    if (!is_word(sql[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < sql.size() && is_word(sql[end])) ++end;
    const std::string_view word = sql.substr(i, end - i);
    for (const std::string_view changing : kWords) {
      if (std::ranges::equal(word, changing, [](char a, char b) {
            return std::toupper(static_cast<unsigned char>(a)) == b;
          })) {
        return true;
      }
    }
    i = end;
  }
  return false;
}

Result<QueryResult> take_result(const Libchdb& api, Libchdb::Result handle) {
  if (handle == nullptr) return fail(Errc::kInternal, "the ClickHouse engine returned no result");
  if (const char* error = api.result_error(handle)) {
    Error mapped = clickhouse_error(error);
    api.destroy_query_result(handle);
    return std::unexpected(std::move(mapped));
  }
  QueryResult result;
  if (const size_t size = api.result_length(handle); size > 0) {
    result.bytes.assign(api.result_buffer(handle), size);
  }
  result.rows = api.result_rows_read(handle);
  result.rows_read = api.result_storage_rows_read(handle);
  result.bytes_read = api.result_storage_bytes_read(handle);
  result.rows_written = api.result_rows_written(handle);
  result.bytes_written = api.result_bytes_written(handle);
  result.elapsed_seconds = api.result_elapsed(handle);
  api.destroy_query_result(handle);
  return result;
}

const Setting* find_setting(const Settings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, &Setting::name);
  return found == settings.end() ? nullptr : &*found;
}

std::mutex open_engine_mutex;
std::string open_engine_path;  // guarded by open_engine_mutex; empty: none is open

}  // namespace

// A connection of the pool. Owned by whoever took it; the pool only lists it.
class Connection::Slot {
 public:
  explicit Slot(Libchdb::Connection* handle) : handle(handle) {}
  Libchdb::Connection* handle;
  Settings applied;                  // settings of the session that differ from its start
  Settings original;                 // what those were that were ever changed
  std::string database = "default";  // empty: not known
  bool tainted = false;  // a statement may have changed the session: not for anybody else
};

namespace {

// Parameters as the library takes them; views into `parameters`.
struct ParameterArrays {
  explicit ParameterArrays(const QueryParameters& parameters) {
    for (const QueryParameter& parameter : parameters) {
      names.push_back(parameter.name.data());
      name_sizes.push_back(parameter.name.size());
      values.push_back(parameter.value.data());
      value_sizes.push_back(parameter.value.size());
    }
  }
  std::vector<const char*> names;
  std::vector<size_t> name_sizes;
  std::vector<const char*> values;
  std::vector<size_t> value_sizes;
};

}  // namespace

class Engine::State {
 public:
  State(const Libchdb& api, EngineOptions options) : api_(api), options_(std::move(options)) {}

  Result<void> start();
  Result<void> stop();
  Result<Connection::Slot*> take();
  void give_back(Connection::Slot* slot);

  Result<QueryResult> query(Connection::Slot& slot, std::string_view sql, std::string_view format,
                            const Settings& settings, const QueryParameters& parameters);
  Result<StreamResult> stream(Connection::Slot& slot, std::string_view sql, std::string_view format,
                              const Settings& settings, const ChunkSink& on_chunk,
                              const QueryParameters& parameters);
  Result<void> kill(std::string_view tag);
  Result<InsertResult> insert(Connection::Slot& slot, const InsertText& insert,
                              std::span<const std::string_view> chunks);
  Result<void> use(Connection::Slot& slot, const std::string& database);
  Result<InsertResult> insert(Connection::Slot& slot, const InsertStatement& statement,
                              std::span<const std::string_view> chunks,
                              const std::function<void()>& between_chunks);
  Result<StatementClass> classify(Connection::Slot& slot, std::string_view sql);

  const EngineOptions& options() const { return options_; }
  const std::string& version() const { return version_; }

 private:
  Result<StreamResult> fetch(Connection::Slot& slot, Libchdb::Result running,
                             const ChunkSink& on_chunk);
  Result<InsertResult> feed(Connection::Slot& slot, Libchdb::InsertStream stream,
                            std::span<const std::string_view> chunks,
                            const std::function<void()>& between_chunks);
  Result<InsertResult> feed(Libchdb::InsertStream stream, std::span<const std::string_view> chunks,
                            const std::function<void()>& between_chunks);
  Result<Libchdb::Connection*> connect();
  Result<void> apply(Connection::Slot& slot, const Settings& settings);
  Result<void> remember(Connection::Slot& slot, const Settings& settings);
  static void note_change(Connection::Slot& slot, std::string_view sql);
  void close(std::unique_ptr<Connection::Slot> slot);

  // constant after start()
  const Libchdb& api_;
  EngineOptions options_;
  std::string config_path_;
  std::string version_;
  // The engine ends with its last connection; this one holds it up while the pool comes and goes.
  Libchdb::Connection* anchor_ = nullptr;  // after start() guarded by kill_mutex_
  std::mutex kill_mutex_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Connection::Slot>> idle_;  // guarded by mutex_
  size_t taken_ = 0;                                     // guarded by mutex_
  bool stopped_ = false;                                 // guarded by mutex_
};

Result<void> Engine::State::start() {
  FRESHET_ASSIGN(config_path_, write_engine_config(options_));
  FRESHET_TRY_CONTEXT(mend_deduplication_logs(options_.path), "warehouse {}", options_.path);
  {
    const SignalGuard keep_ours;
    api_.set_signal_handlers_enabled(0);
  }
  FRESHET_ASSIGN(anchor_, connect());
  FRESHET_ASSIGN(const QueryResult result,
                 take_result(api_, api_.query_n(*anchor_, "SELECT version()", 16, "TSVRaw", 6)));
  version_ = result.bytes;
  while (!version_.empty() && version_.back() == '\n') version_.pop_back();
  return {};
}

Result<Libchdb::Connection*> Engine::State::connect() {
  std::vector<std::string> arguments = {
      "freshet",
      "--path=" + options_.path,
      "--config-file=" + config_path_,
      fmt::format("--max_memory_usage={}", options_.memory_bytes_max),
      fmt::format("--max_server_memory_usage={}", options_.memory_bytes_max * 2),
      // The engine's defaults are a server's: 5 GiB for each of these.
      fmt::format("--mark_cache_size={}", uint64_t{64} << 20),
      fmt::format("--index_mark_cache_size={}", uint64_t{16} << 20),
      fmt::format("--primary_index_cache_size={}", uint64_t{64} << 20),
      fmt::format("--query_condition_cache_size={}", uint64_t{16} << 20),
  };
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const SignalGuard keep_ours;
  Libchdb::Connection* handle = api_.connect(static_cast<int>(argv.size()), argv.data());
  if (handle == nullptr) {
    return fail(Errc::kUnavailable,
                "the ClickHouse engine does not start on {} and gives no reason; check that the "
                "directory is writable, that its disk is not full and that no other process uses "
                "it",
                options_.path);
  }
  return handle;
}

Result<void> Engine::State::stop() {
  std::unique_lock lock(mutex_);
  if (stopped_) return {};
  stopped_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return taken_ == 0; });
  for (auto& slot : idle_) close(std::move(slot));
  idle_.clear();
  const std::scoped_lock kill_lock(kill_mutex_);
  if (anchor_ != nullptr) {
    const SignalGuard keep_ours;
    api_.close_conn(anchor_);
    anchor_ = nullptr;
  }
  const std::lock_guard open_lock(open_engine_mutex);
  open_engine_path.clear();
  return {};
}

Result<Connection::Slot*> Engine::State::take() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || taken_ < options_.connections; });
    if (stopped_) return fail(Errc::kCancelled, "the warehouse is closed");
    ++taken_;
    if (!idle_.empty()) {
      Connection::Slot* slot = idle_.back().release();
      idle_.pop_back();
      return slot;
    }
  }
  auto handle = connect();
  if (!handle) {
    const std::lock_guard lock(mutex_);
    --taken_;
    changed_.notify_all();
    return std::unexpected(std::move(handle).error());
  }
  return new Connection::Slot(*handle);
}

void Engine::State::give_back(Connection::Slot* slot) {
  std::unique_ptr<Connection::Slot> owned(slot);
  if (!owned->tainted && !use(*owned, "default")) owned->tainted = true;
  if (owned->tainted) close(std::move(owned));
  const std::lock_guard lock(mutex_);
  if (owned != nullptr) idle_.push_back(std::move(owned));
  --taken_;
  changed_.notify_all();
}

void Engine::State::close(std::unique_ptr<Connection::Slot> slot) {
  const SignalGuard keep_ours;
  api_.close_conn(slot->handle);
}

// Not SET name = DEFAULT: that would be the engine's own default instead of what the connection was
// started with, such as no limit of memory.
Result<void> Engine::State::remember(Connection::Slot& slot, const Settings& settings) {
  for (const Setting& setting : settings) {
    if (find_setting(slot.original, setting.name) != nullptr) continue;
    const std::string sql =
        fmt::format("SELECT toString(getSetting({}))", quote_string(setting.name));
    FRESHET_ASSIGN(QueryResult before, take_result(api_, api_.query_n(*slot.handle, sql.data(),
                                                                      sql.size(), "TSVRaw", 6)));
    if (before.bytes.ends_with('\n')) before.bytes.pop_back();
    slot.original.push_back({.name = setting.name, .value = std::move(before.bytes)});
  }
  return {};
}

void Engine::State::note_change(Connection::Slot& slot, std::string_view sql) {
  if (!may_change_session(sql)) return;
  slot.tainted = true;
  slot.database.clear();
  // What it sets is from now on what there was before.
  std::erase_if(slot.original, [&slot](const Setting& setting) {
    return find_setting(slot.applied, setting.name) == nullptr;
  });
}

Result<void> Engine::State::apply(Connection::Slot& slot, const Settings& settings) {
  if (slot.applied == settings) return {};
  FRESHET_TRY_CONTEXT(remember(slot, settings), "query settings");
  std::string sql;
  const auto add = [&sql](std::string_view name, std::string_view value) {
    sql += fmt::format("{}{} = {}", sql.empty() ? "SET " : ", ", name, quote_string(value));
  };
  for (const Setting& old : slot.applied) {
    if (find_setting(settings, old.name) != nullptr) continue;
    add(old.name, find_setting(slot.original, old.name)->value);
  }
  for (const Setting& setting : settings) add(setting.name, setting.value);
  const bool was_tainted = slot.tainted;
  slot.tainted = true;  // until the engine has taken all of them
  FRESHET_TRY_CONTEXT(
      take_result(api_, api_.query_n(*slot.handle, sql.data(), sql.size(), "Null", 4)),
      "query settings");
  slot.tainted = was_tainted;
  slot.applied = settings;
  return {};
}

Result<QueryResult> Engine::State::query(Connection::Slot& slot, std::string_view sql,
                                         std::string_view format, const Settings& settings,
                                         const QueryParameters& parameters) {
  FRESHET_TRY(apply(slot, settings));
  note_change(slot, sql);
  const ParameterArrays bound(parameters);
  return take_result(api_, api_.query_with_params_n(
                               *slot.handle, sql.data(), sql.size(), format.data(), format.size(),
                               bound.names.data(), bound.name_sizes.data(), bound.values.data(),
                               bound.value_sizes.data(), parameters.size()));
}

Result<StreamResult> Engine::State::stream(Connection::Slot& slot, std::string_view sql,
                                           std::string_view format, const Settings& settings,
                                           const ChunkSink& on_chunk,
                                           const QueryParameters& parameters) {
  FRESHET_TRY(apply(slot, settings));
  note_change(slot, sql);
  const auto destroy = [this](Libchdb::Result handle) { api_.destroy_query_result(handle); };
  using Handle = std::unique_ptr<ChdbResultHandle, decltype(destroy)>;
  const ParameterArrays bound(parameters);
  const Handle running(api_.stream_query_with_params_n(
                           *slot.handle, sql.data(), sql.size(), format.data(), format.size(),
                           bound.names.data(), bound.name_sizes.data(), bound.values.data(),
                           bound.value_sizes.data(), parameters.size()),
                       destroy);
  if (running == nullptr) return fail(Errc::kInternal, "the ClickHouse engine returned no result");
  auto total = fetch(slot, running.get(), on_chunk);
  if (total) return total;
  // A stream that does not come to its end keeps its statement in the engine, with all that this
  // holds, until the next query of the connection.
  api_.stream_cancel_query(*slot.handle, running.get());
  const std::string_view nothing = "SELECT 1";
  static_cast<void>(
      take_result(api_, api_.query_n(*slot.handle, nothing.data(), nothing.size(), "Null", 4)));
  return total;
}

Result<StreamResult> Engine::State::fetch(Connection::Slot& slot, Libchdb::Result running,
                                          const ChunkSink& on_chunk) {
  const auto destroy = [this](Libchdb::Result handle) { api_.destroy_query_result(handle); };
  if (const char* error = api_.result_error(running)) {
    return std::unexpected(clickhouse_error(error));
  }
  StreamResult total;
  while (true) {
    const std::unique_ptr<ChdbResultHandle, decltype(destroy)> chunk(
        api_.stream_fetch_result(*slot.handle, running), destroy);
    if (chunk == nullptr) return fail(Errc::kInternal, "the ClickHouse engine returned no chunk");
    if (const char* error = api_.result_error(chunk.get())) {
      return std::unexpected(clickhouse_error(error));
    }
    const size_t size = api_.result_length(chunk.get());
    total.rows += api_.result_rows_read(chunk.get());
    total.rows_read += api_.result_storage_rows_read(chunk.get());
    total.bytes_read += api_.result_storage_bytes_read(chunk.get());
    total.elapsed_seconds += api_.result_elapsed(chunk.get());
    if (size == 0) return total;
    FRESHET_TRY(on_chunk({api_.result_buffer(chunk.get()), size}));
  }
}

Result<InsertResult> Engine::State::insert(Connection::Slot& slot, const InsertStatement& statement,
                                           std::span<const std::string_view> chunks,
                                           const std::function<void()>& between_chunks) {
  FRESHET_TRY(apply(slot, {}));  // what an earlier query of this connection was given
  const std::string sql = insert_sql(statement);
  return feed(slot,
              api_.stream_insert_n(*slot.handle, sql.data(), sql.size(), statement.format.data(),
                                   statement.format.size()),
              chunks, between_chunks);
}

Result<InsertResult> Engine::State::insert(Connection::Slot& slot, const InsertText& insert,
                                           std::span<const std::string_view> chunks) {
  FRESHET_TRY(apply(slot, insert.settings));
  const ParameterArrays bound(insert.parameters);
  return feed(slot,
              api_.stream_insert_with_params_n(
                  *slot.handle, insert.sql.data(), insert.sql.size(), insert.format.data(),
                  insert.format.size(), bound.names.data(), bound.name_sizes.data(),
                  bound.values.data(), bound.value_sizes.data(), insert.parameters.size()),
              chunks, {});
}

Result<void> Engine::State::use(Connection::Slot& slot, const std::string& database) {
  if (slot.database == database) return {};
  const std::string sql = "USE " + quote_identifier(database);
  FRESHET_TRY(take_result(api_, api_.query_n(*slot.handle, sql.data(), sql.size(), "Null", 4)));
  slot.database = database;
  return {};
}

Result<void> Engine::State::kill(std::string_view tag) {
  const std::scoped_lock lock(kill_mutex_);
  if (anchor_ == nullptr) return {};
  const std::string sql =
      fmt::format("KILL QUERY WHERE Settings['log_comment'] = {} ASYNC", quote_string(tag));
  FRESHET_TRY(take_result(api_, api_.query_n(*anchor_, sql.data(), sql.size(), "Null", 4)));
  return {};
}

Result<InsertResult> Engine::State::feed(Connection::Slot& slot, Libchdb::InsertStream stream,
                                         std::span<const std::string_view> chunks,
                                         const std::function<void()>& between_chunks) {
  auto fed = feed(stream, chunks, between_chunks);
  if (!fed) {
    // A connection holds the table of an INSERT that failed until its next statement: a DROP of the
    // table would wait for it.
    std::ignore = take_result(api_, api_.query_n(*slot.handle, "SELECT 1", 8, "Null", 4));
  }
  return fed;
}

Result<InsertResult> Engine::State::feed(Libchdb::InsertStream handle,
                                         std::span<const std::string_view> chunks,
                                         const std::function<void()>& between_chunks) {
  const auto destroy = [this](Libchdb::InsertStream stream) { api_.destroy_insert_stream(stream); };
  const std::unique_ptr<ChdbInsertStreamHandle, decltype(destroy)> stream(handle, destroy);
  const auto failure = [&] {
    const char* error = api_.stream_insert_error(stream.get());
    return clickhouse_error(error != nullptr ? error : "the insert stream was refused");
  };
  if (api_.stream_insert_error(stream.get()) != nullptr) return std::unexpected(failure());
  bool first = true;
  for (std::string_view chunk : chunks) {
    while (!chunk.empty()) {
      if (!first && between_chunks) between_chunks();
      first = false;
      const std::string_view piece = chunk.substr(0, kAppendBytesMax);
      chunk.remove_prefix(piece.size());
      if (api_.stream_append(stream.get(), piece.data(), piece.size()) != 0) {
        Error error = failure();
        api_.stream_cancel_insert(stream.get());
        return std::unexpected(std::move(error));
      }
    }
  }
  FRESHET_ASSIGN(const QueryResult result, take_result(api_, api_.stream_done(stream.get())));
  return InsertResult{.rows_written = result.rows_written,
                      .bytes_written = result.bytes_written,
                      .elapsed_seconds = result.elapsed_seconds};
}

Result<StatementClass> Engine::State::classify(Connection::Slot& slot, std::string_view sql) {
  ChdbQueryAnalysis analysis;
  if (api_.classify_query_n(*slot.handle, sql.data(), sql.size(), nullptr, 0, &analysis) != 0) {
    return fail(Errc::kInternal, "the ClickHouse engine does not classify the statement");
  }
  using Kind = StatementClass::Kind;
  constexpr std::array kKinds = {Kind::kReadOnly, Kind::kWrites, Kind::kWritesGlobal,
                                 Kind::kControl, Kind::kUnparsable};
  return StatementClass{.kind = analysis.query_class < kKinds.size() ? kKinds[analysis.query_class]
                                                                     : Kind::kUnparsable,
                        .statements = analysis.statement_count};
}

namespace {

class EngineSession final : public ClickHouse::Session {
 public:
  explicit EngineSession(Connection connection) : connection_(std::move(connection)) {}
  Result<QueryResult> query(std::string_view sql, std::string_view format,
                            const Settings& settings) override {
    return connection_.query(sql, format, settings);
  }
  Result<InsertResult> insert(const InsertStatement& statement,
                              std::span<const std::string_view> chunks) override {
    return connection_.insert(statement, chunks);
  }

 private:
  Connection connection_;
};

}  // namespace

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() {
  if (auto closed = close(); !closed) logger.error("close failed", kv("error", closed.error()));
}

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options) {
  const std::filesystem::path path(options.path);
  if (!path.is_absolute()) {
    return fail(Errc::kInvalidArgument, "the warehouse directory must be absolute, not \"{}\"",
                options.path);
  }
  if (options.connections == 0) {
    return fail(Errc::kInvalidArgument, "the warehouse needs at least 1 connection");
  }
  FRESHET_ASSIGN(const Libchdb* api, load_libchdb(options.library));
  {
    const std::lock_guard lock(open_engine_mutex);
    if (!open_engine_path.empty()) {
      return fail(Errc::kAlreadyExists,
                  "this process already has a warehouse open on {}; the engine takes one "
                  "directory at a time",
                  open_engine_path);
    }
    open_engine_path = options.path;
  }
  std::error_code error;
  std::filesystem::create_directories(path, error);
  auto state = std::make_unique<State>(*api, std::move(options));
  Result<void> started =
      error ? std::unexpected(errno_error("create directory " + path.string(), error.value()))
            : state->start();
  if (!started) {
    FRESHET_TRY(state->stop());
    return std::unexpected(std::move(started).error());
  }
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Result<void> Engine::close() { return state_->stop(); }

Result<Connection> Engine::connect() {
  FRESHET_ASSIGN(Connection::Slot * slot, state_->take());
  return Connection(state_.get(), slot);
}

Result<QueryResult> Engine::query(std::string_view sql, std::string_view format,
                                  const Settings& settings) {
  FRESHET_ASSIGN(Connection connection, connect());
  return connection.query(sql, format, settings);
}

Result<void> Engine::stream(std::string_view sql, std::string_view format, const Settings& settings,
                            const ChunkSink& on_chunk) {
  FRESHET_ASSIGN(Connection connection, connect());
  FRESHET_TRY(connection.stream(sql, format, settings, on_chunk));
  return {};
}

Result<InsertResult> Engine::insert(const InsertStatement& statement,
                                    std::span<const std::string_view> chunks,
                                    const std::function<void()>& between_chunks) {
  FRESHET_ASSIGN(Connection connection, connect());
  return connection.insert(statement, chunks, between_chunks);
}

Result<void> Engine::answer(std::string_view sql, std::string_view format, const Settings& settings,
                            const ChunkSink& on_chunk) {
  FRESHET_ASSIGN(const StatementClass kind, classify(sql));
  if (kind.kind == StatementClass::Kind::kReadOnly) return stream(sql, format, settings, on_chunk);
  // An unparsable text goes to the engine too: its message says what is wrong where.
  FRESHET_ASSIGN(const QueryResult result, query(sql, format, settings));
  return result.bytes.empty() ? Result<void>() : on_chunk(result.bytes);
}

Result<std::unique_ptr<ClickHouse::Session>> Engine::open_session() {
  FRESHET_ASSIGN(Connection connection, connect());
  return std::make_unique<EngineSession>(std::move(connection));
}

Result<bool> Engine::is_inserting(std::string_view /*token*/) { return false; }

Result<void> Engine::sync_tokens(const std::string& table_directory) {
  return sync_deduplication_log(table_directory);
}

Result<StatementClass> Engine::classify(std::string_view sql) {
  FRESHET_ASSIGN(Connection connection, connect());
  return state_->classify(*connection.slot_, sql);
}

Result<void> Engine::kill(std::string_view tag) { return state_->kill(tag); }

const std::string& Engine::path() const { return state_->options().path; }
const std::string& Engine::version() const { return state_->version(); }

Connection::Connection(Engine::State* engine, Slot* slot) : engine_(engine), slot_(slot) {}

Connection::Connection(Connection&& other) noexcept
    : engine_(other.engine_), slot_(std::exchange(other.slot_, nullptr)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(engine_, other.engine_);
  std::swap(slot_, other.slot_);
  return *this;
}

Connection::~Connection() {
  if (slot_ != nullptr) engine_->give_back(slot_);
}

Result<QueryResult> Connection::query(std::string_view sql, std::string_view format,
                                      const Settings& settings, const QueryParameters& parameters) {
  return engine_->query(*slot_, sql, format, settings, parameters);
}

Result<StreamResult> Connection::stream(std::string_view sql, std::string_view format,
                                        const Settings& settings, const ChunkSink& on_chunk,
                                        const QueryParameters& parameters) {
  return engine_->stream(*slot_, sql, format, settings, on_chunk, parameters);
}

Result<InsertResult> Connection::insert(const InsertText& insert,
                                        std::span<const std::string_view> chunks) {
  return engine_->insert(*slot_, insert, chunks);
}

Result<StatementClass> Connection::classify(std::string_view sql) {
  return engine_->classify(*slot_, sql);
}

Result<void> Connection::use(const std::string& database) { return engine_->use(*slot_, database); }

bool Connection::changed() const { return slot_->tainted; }

Result<InsertResult> Connection::insert(const InsertStatement& statement,
                                        std::span<const std::string_view> chunks,
                                        const std::function<void()>& between_chunks) {
  return engine_->insert(*slot_, statement, chunks, between_chunks);
}

}  // namespace freshet::warehouse
