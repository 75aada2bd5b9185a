// The C functions of libchdb that Freshet calls. The library ships no header; prototypes follow
// chdb-io/chdb-core, programs/local/chdb.h, release 26.7.
//
// Handles: every function but chdb_close_conn takes the connection itself, which is what the
// pointer returned by chdb_connect points to. A result and an insert stream are destroyed by the
// caller, on error too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::warehouse {

/// The only version that Freshet is tested with, as chdb_version() and the package say.
inline constexpr std::string_view kLibchdbVersion = "26.7.3";
inline constexpr std::string_view kLibchdbPackageVersion = "26.7.3-stable.1";

struct ChdbConnectionHandle;
struct ChdbResultHandle;
struct ChdbInsertStreamHandle;

/// What chdb_classify_query_n() fills in; `struct_size` is set by the caller.
struct ChdbQueryAnalysis {
  uint32_t struct_size = sizeof(ChdbQueryAnalysis);
  uint32_t statement_count = 0;
  uint32_t flags = 0;
  uint32_t query_class = 4;  // 0 read only, 1 writes, 2 writes global, 3 control, 4 unknown
};

struct Libchdb {
  using Connection = ChdbConnectionHandle*;
  using Result = ChdbResultHandle*;
  using InsertStream = ChdbInsertStreamHandle*;

  const char* (*version)();
  Connection* (*connect)(int argc, char** argv);  // null on failure, without a reason
  void (*close_conn)(Connection* connection);
  int (*shutdown)();  // 0 once no engine thread runs; nothing can be opened afterwards
  void (*set_signal_handlers_enabled)(int enabled);

  Result (*query_n)(Connection, const char* sql, size_t sql_size, const char* format,
                    size_t format_size);
  Result (*stream_query_n)(Connection, const char* sql, size_t sql_size, const char* format,
                           size_t format_size);
  // Names and values of {name:Type} parameters, with their sizes.
  Result (*query_with_params_n)(Connection, const char* sql, size_t sql_size, const char* format,
                                size_t format_size, const char* const* names,
                                const size_t* name_sizes, const char* const* values,
                                const size_t* value_sizes, size_t count);
  Result (*stream_query_with_params_n)(Connection, const char* sql, size_t sql_size,
                                       const char* format, size_t format_size,
                                       const char* const* names, const size_t* name_sizes,
                                       const char* const* values, const size_t* value_sizes,
                                       size_t count);
  Result (*stream_fetch_result)(Connection, Result stream);  // an empty one at the end
  void (*stream_cancel_query)(Connection, Result stream);
  void (*destroy_query_result)(Result);
  char* (*result_buffer)(Result);  // not terminated by a zero
  size_t (*result_length)(Result);
  double (*result_elapsed)(Result);
  uint64_t (*result_rows_read)(Result);  // rows of the result
  uint64_t (*result_storage_rows_read)(Result);
  uint64_t (*result_storage_bytes_read)(Result);
  uint64_t (*result_rows_written)(Result);
  uint64_t (*result_bytes_written)(Result);
  const char* (*result_error)(Result);  // null if it succeeded

  InsertStream (*stream_insert_n)(Connection, const char* sql, size_t sql_size, const char* format,
                                  size_t format_size);  // never null
  InsertStream (*stream_insert_with_params_n)(Connection, const char* sql, size_t sql_size,
                                              const char* format, size_t format_size,
                                              const char* const* names, const size_t* name_sizes,
                                              const char* const* values, const size_t* value_sizes,
                                              size_t count);
  int (*stream_append)(InsertStream, const void* data, size_t size);  // copies; 0 on success
  Result (*stream_done)(InsertStream);
  void (*stream_cancel_insert)(InsertStream);
  const char* (*stream_insert_error)(InsertStream);
  void (*destroy_insert_stream)(InsertStream);

  int (*classify_query_n)(Connection, const char* sql, size_t sql_size, const char* database,
                          size_t database_size, ChdbQueryAnalysis* out);
};

/// Path of libchdb.so, the first of: `configured` if not empty, $FRESHET_LIBCHDB, the program's
/// directory, `.deps/libchdb-<package version>/` in that directory or any parent,
/// /usr/lib/freshet. kNotFound lists the places looked at.
Result<std::string> find_libchdb(const std::string& configured);

/// Loads the library once per process (it is never unloaded: the engine's threads may outlive
/// everything) and checks its version. Safe from any thread.
Result<const Libchdb*> load_libchdb(const std::string& configured);

}  // namespace freshet::warehouse
