// The engine's own memory of insert tokens, mended after a crash.
//
// Each MergeTree table with a deduplication window keeps
//   <store>/store/<xyz>/<uuid>/deduplication_logs/deduplication_log_<n>.txt
// with one line per landed or dropped part-block: "1\t<part>\t<block id>\n" (added) or "2\t…"
// (dropped). The engine writes the line *before* it renames the part into place, so a process
// killed between the two remembers a token whose rows never landed, and would swallow the replay.
// For a materialized view's target nothing else would ever notice.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::warehouse {

/// Lines to append to a table's log so that it forgets every token whose part is not covered by one
/// of `part_directories` (names such as "20250918_1_5_2"). `log` is the text of all its files in
/// order; lines that cannot be read are passed over, as the engine does.
[[nodiscard]] std::string forget_lines(std::string_view log,
                                       const std::vector<std::string>& part_directories);

/// Mends every log below `store`. Only while no engine has the store open. Returns how many tokens
/// were forgotten; durable when it returns.
Result<size_t> mend_deduplication_logs(const std::string& store);

/// Makes the newest log file of a table durable, so that a power cut cannot forget a landed block.
/// `table_directory` is system.tables.data_paths[1]. Does nothing for a table without a log.
Result<void> sync_deduplication_log(const std::string& table_directory);

}  // namespace freshet::warehouse
