// The ClickHouse engine inside this process: libchdb, loaded at first use.
//
// Life: Engine::open() -> query/stream/insert from any thread -> close(). One engine per process at
// a time; a second open with another path is refused.
//
// Threads: every method may be called from any thread. A call takes one connection of the pool for
// as long as it runs and waits for one if all are taken; a connection runs one statement at a time.
// Calls block (file I/O, fsync): never make them on a network thread.
//
// Signals: the engine's own handlers are switched off before it starts and ours are put back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "warehouse/clickhouse.h"

namespace freshet::warehouse {

struct EngineOptions {
  std::string path;                               // absolute; made if missing
  size_t connections = 6;                         // statements that can run at the same time
  uint64_t memory_bytes_max = uint64_t{2} << 30;  // one statement that needs more fails (code 241)
  /// Whether statements may read files, reach the network, run programs and change who may do what.
  /// False: the engine itself refuses them, by its own grants (code 497, kRefused), and the
  /// settings that would lead outside are constant.
  bool reaches_outside = true;
  std::string library;  // path of libchdb.so; empty: see find_libchdb() in warehouse/libchdb.h
};

/// Value of a {name:Type} in a statement, as text.
struct QueryParameter {
  std::string name;
  std::string value;
};
using QueryParameters = std::vector<QueryParameter>;

/// What a streamed result came from.
struct StreamResult {
  uint64_t rows = 0;  // of the result
  uint64_t rows_read = 0;
  uint64_t bytes_read = 0;
  double elapsed_seconds = 0;
};

/// An INSERT in the words of somebody else, up to and without its FORMAT clause.
struct InsertText {
  std::string_view sql;
  std::string_view format;
  Settings settings;  // as in query()
  QueryParameters parameters;
};

/// What a statement does, as decided by the engine's own parser without running it.
struct StatementClass {
  enum class Kind { kReadOnly, kWrites, kWritesGlobal, kControl, kUnparsable };
  Kind kind = Kind::kUnparsable;
  uint32_t statements = 0;
};

class Connection;

class Engine final : public ClickHouse {
 public:
  /// Loads the library, opens the store and the first connection. kNotFound: no library, with the
  /// places searched; kUnsupported: another version; kAlreadyExists: an engine is open here.
  static Result<std::unique_ptr<Engine>> open(EngineOptions options);

  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Waits for statements under way and closes every connection; the store is closed with the last.
  /// Later calls return kCancelled. libchdb keeps its own pools: some dozens of idle threads stay
  /// until the process ends, which is why a program that opened an engine leaves with _exit().
  /// Everything acknowledged is already on disk: a process that ends without close() loses nothing.
  Result<void> close();

  Result<QueryResult> query(std::string_view sql, std::string_view format = "TabSeparated",
                            const Settings& settings = {}) override;

  /// A chunk is a whole number of blocks; a format with a header would have it in every chunk.
  /// Other statements than SELECT fail with kInvalidArgument (code 36).
  Result<void> stream(std::string_view sql, std::string_view format, const Settings& settings,
                      const ChunkSink& on_chunk) override;
  /// Reading statements stream; others run to their end first.
  Result<void> answer(std::string_view sql, std::string_view format, const Settings& settings,
                      const ChunkSink& on_chunk) override;

  /// The data go over in pieces, a chunk in one or more; `between_chunks` runs before every piece
  /// but the first.
  Result<InsertResult> insert(const InsertStatement& statement,
                              std::span<const std::string_view> chunks,
                              const std::function<void()>& between_chunks = {}) override;

  Result<std::unique_ptr<Session>> open_session() override;
  /// What runs here ends with its caller and with this process.
  [[nodiscard]] bool may_run_on() const override { return false; }
  Result<bool> is_inserting(std::string_view token) override;
  Result<void> sync_tokens(const std::string& table_directory) override;

  /// A connection for one user only: SET, USE and temporary tables of a session stay on it. Its
  /// destructor gives it back. Keep it shorter than the engine lives.
  Result<Connection> connect();

  Result<StatementClass> classify(std::string_view sql);

  /// Ends every statement that runs with the setting log_comment = `tag`: it returns code 394 soon
  /// after. Does nothing if there is none. Takes no connection of the pool, so it works when all
  /// are taken.
  Result<void> kill(std::string_view tag);

  [[nodiscard]] const std::string& path() const;
  [[nodiscard]] size_t replicas() const override { return 1; }
  [[nodiscard]] const std::string& version() const override;

 private:
  friend class Connection;
  class State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One session on the engine; see Engine::connect(). Used by one thread at a time.
class Connection {
 public:
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  Result<QueryResult> query(std::string_view sql, std::string_view format = "TabSeparated",
                            const Settings& settings = {}, const QueryParameters& parameters = {});
  Result<StreamResult> stream(std::string_view sql, std::string_view format,
                              const Settings& settings, const ChunkSink& on_chunk,
                              const QueryParameters& parameters = {});
  Result<InsertResult> insert(const InsertStatement& statement,
                              std::span<const std::string_view> chunks,
                              const std::function<void()>& between_chunks = {});
  Result<InsertResult> insert(const InsertText& insert, std::span<const std::string_view> chunks);
  Result<StatementClass> classify(std::string_view sql);

  /// Makes `database` the one of unqualified names. The pool's connections start in "default".
  Result<void> use(const std::string& database);
  /// A statement may have left something behind (SET, USE, a temporary table), so the connection
  /// will not be given to anybody else.
  [[nodiscard]] bool changed() const;

 private:
  friend class Engine;
  class Slot;
  Connection(Engine::State* engine, Slot* slot);
  Engine::State* engine_;
  Slot* slot_;
};

}  // namespace freshet::warehouse
