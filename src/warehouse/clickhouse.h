// A ClickHouse that answers statements and takes blocks, wherever it runs. What the sink, the table
// descriptions and the DDL are written against. Real users: Engine (in this process) and
// HttpClickHouse (a server, over HTTP).
//
// Threads: every method may be called from any thread, several at a time. All of them block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::warehouse {

struct Setting {
  std::string name;
  std::string value;  // without quotes
  friend bool operator==(const Setting&, const Setting&) = default;
};
using Settings = std::vector<Setting>;

struct QueryResult {
  std::string bytes;        // in the format asked for
  uint64_t rows = 0;        // of the result
  uint64_t rows_read = 0;   // from tables
  uint64_t bytes_read = 0;  // from tables
  uint64_t rows_written = 0;
  uint64_t bytes_written = 0;
  double elapsed_seconds = 0;
};

struct InsertStatement {
  std::string table;                 // quoted where needed: "`my db`.t", see quote_identifier()
  std::vector<std::string> columns;  // unquoted names; empty means all
  Settings settings;                 // written into the statement itself
  std::string format = "Native";
};

struct InsertResult {
  uint64_t rows_written = 0;   // into the table and all its materialized views' targets
  uint64_t bytes_written = 0;  // likewise
  double elapsed_seconds = 0;
};

/// One chunk of a streamed result; an error stops the query and is returned to the caller.
using ChunkSink = std::function<Result<void>(std::string_view chunk)>;

class ClickHouse {
 public:
  /// Statements that share temporary tables. One thread at a time; shorter than its ClickHouse.
  class Session {
   public:
    virtual ~Session() = default;
    virtual Result<QueryResult> query(std::string_view sql,
                                      std::string_view format = "TabSeparated",
                                      const Settings& settings = {}) = 0;
    virtual Result<InsertResult> insert(const InsertStatement& statement,
                                        std::span<const std::string_view> chunks) = 0;
  };

  virtual ~ClickHouse() = default;

  /// Runs one statement and returns the whole result. `settings` hold for this statement only.
  virtual Result<QueryResult> query(std::string_view sql, std::string_view format = "TabSeparated",
                                    const Settings& settings = {}) = 0;

  /// Runs a SELECT and hands the result over in pieces as they are made; memory stays bounded. For
  /// formats without a frame around the rows: Native, RowBinary, TabSeparated, CSV, JSONEachRow. A
  /// piece of another ClickHouse than this process's own may end anywhere: see NativeBlockReader.
  virtual Result<void> stream(std::string_view sql, std::string_view format,
                              const Settings& settings, const ChunkSink& on_chunk) = 0;

  /// Runs any one statement, in the words of a person; the answer in pieces where that is possible.
  virtual Result<void> answer(std::string_view sql, std::string_view format,
                              const Settings& settings, const ChunkSink& on_chunk) = 0;

  /// Sends `chunks`, one after the other, as the data of one INSERT. When it returns, the rows are
  /// in the table as durable as the table's settings say. On error nothing, or some partitions or
  /// some views of the block may have landed; and where may_run_on() is true, more of them may land
  /// later. `between_chunks` runs somewhere in the middle of the data: a place for tests.
  virtual Result<InsertResult> insert(const InsertStatement& statement,
                                      std::span<const std::string_view> chunks,
                                      const std::function<void()>& between_chunks = {}) = 0;

  virtual Result<std::unique_ptr<Session>> open_session() = 0;

  /// Whether an INSERT may still be running, or may yet begin, after insert() has returned an error
  /// or after the process that sent it has died.
  [[nodiscard]] virtual bool may_run_on() const = 0;
  /// Whether an INSERT whose deduplication token begins with `token` runs now, as far as can be
  /// seen: one that waits in a socket is not seen.
  virtual Result<bool> is_inserting(std::string_view token) = 0;

  /// Makes what a table remembers of insert tokens as durable as its parts are, where that is in
  /// our hands; `table_directory` is TableDescription::data_directory.
  virtual Result<void> sync_tokens(const std::string& table_directory) = 0;

  /// How many servers may answer, one instead of the other.
  [[nodiscard]] virtual size_t replicas() const = 0;
  /// "26.7.2.1", as SELECT version() says.
  [[nodiscard]] virtual const std::string& version() const = 0;
};

/// "INSERT INTO … (…) SETTINGS …", up to its FORMAT clause.
[[nodiscard]] std::string insert_sql(const InsertStatement& statement);
/// `name` in backticks, with ClickHouse's escapes.
[[nodiscard]] std::string quote_identifier(std::string_view name);
/// 'text' with ClickHouse's escapes.
[[nodiscard]] std::string quote_string(std::string_view text);

}  // namespace freshet::warehouse
