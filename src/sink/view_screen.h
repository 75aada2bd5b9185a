// Passes blocks through copies of a table's materialized views that keep nothing, before they go to
// the table itself.
//
// Why: the engine lands a block in the table, then view by view. A view that throws for one row
// leaves the block in the table and in the views before it, and what an aggregate has taken in can
// never be taken out again. Screened first, a block that is refused has landed nowhere.
//
// The copies are in databases of their own: the table and every target with the engine Null, the
// views with the same SELECT over them; constraints and conversions are the originals'. They are
// made anew by each process and dropped with the screen.
//
// Not seen: what only writing a part evaluates (keys, TTL), and joined tables that change between
// screening and landing. ClickHouseRangeSink::check_divisible() is there for those.
//
// Thread: any, several at a time. The ClickHouse outlives it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sink/table_plan.h"
#include "warehouse/clickhouse.h"

namespace freshet::sink {

class ViewScreen {
 public:
  /// The plan outlives the screen.
  static Result<std::unique_ptr<ViewScreen>> create(warehouse::ClickHouse& clickhouse,
                                                    const TablePlan& plan);
  ~ViewScreen();
  ViewScreen(const ViewScreen&) = delete;
  ViewScreen& operator=(const ViewScreen&) = delete;

  /// `like` is the INSERT that is to follow. The error is the one that the views would give.
  Result<void> check(const warehouse::InsertStatement& like, std::string_view block);

  /// Somebody has changed a view since.
  Result<bool> is_stale();

 private:
  ViewScreen(warehouse::ClickHouse& clickhouse, const TablePlan& plan)
      : clickhouse_(clickhouse), plan_(plan) {}
  Result<void> make();
  Result<void> copy_table(const warehouse::TableName& table);
  [[nodiscard]] std::string copy_of(const warehouse::TableName& table) const;
  Result<std::string> select_of(const warehouse::TableName& view);
  Result<std::string> over_copies(const std::string& select) const;

  warehouse::ClickHouse& clickhouse_;
  const TablePlan& plan_;
  std::map<std::string, std::string> databases_;         // the original's, the copies'
  std::map<warehouse::TableName, std::string> selects_;  // of the views when they were copied
};

}  // namespace freshet::sink
