#include "sink/copy_removal.h"

#include <string>
#include <vector>

#include "base/check.h"
#include "warehouse/native_block.h"

namespace freshet::sink {
namespace {

// A statement names every row it deletes.
warehouse::Settings long_statement() {
  return {{"max_query_size", "67108864"},
          {"max_ast_elements", "10000000"},
          {"max_expanded_ast_elements", "10000000"}};
}

std::string rows_of(const TopicPartition& tp, std::span<const Offset> offsets) {
  std::string list;
  for (const Offset offset : offsets) {
    fmt::format_to(std::back_inserter(list), "{}{}", list.empty() ? "" : ",", offset);
  }
  return fmt::format("_topic = {} AND _partition = {} AND _offset IN ({})",
                     warehouse::quote_string(tp.topic), tp.partition, list);
}

}  // namespace

Result<size_t> remove_copies(warehouse::ClickHouse& clickhouse, const warehouse::TableName& table,
                             const TopicPartition& tp, std::span<const Offset> offsets) {
  FRESHET_CHECK_LE(offsets.size(), kCopyOffsetsMax);
  if (offsets.empty()) return size_t{0};
  const std::string rows = rows_of(tp, offsets);
  FRESHET_ASSIGN(const auto found,
                 clickhouse.query(fmt::format("SELECT _offset, CAST(_part, 'String'), _part_offset "
                                              "FROM {} WHERE {} ORDER BY 1, 2, 3",
                                              table.quoted(), rows),
                                  "Native", long_statement()));
  FRESHET_ASSIGN(const auto blocks, warehouse::decode_native(found.bytes));
  std::string copies;
  size_t count = 0;
  int64_t last = -1;
  for (const auto& block : blocks) {
    for (size_t row = 0; row < block.rows; ++row) {
      const auto offset = static_cast<int64_t>(block.u64(0)[row]);
      if (offset != last) {
        last = offset;  // this one stays
        continue;
      }
      fmt::format_to(std::back_inserter(copies), "{}({},{})", count == 0 ? "" : ",",
                     warehouse::quote_string(block.strings(1)[row]), block.u64(2)[row]);
      ++count;
    }
  }
  if (count == 0) return size_t{0};
  auto settings = long_statement();
  settings.push_back({"mutations_sync", "2"});
  FRESHET_TRY(
      clickhouse.query(fmt::format("ALTER TABLE {} DELETE WHERE {} AND (_part, _part_offset) "
                                   "IN ({})",
                                   table.quoted(), rows, copies),
                       "Null", settings));
  return count;
}

}  // namespace freshet::sink
