#include "sink/view_screen.h"

#include <atomic>
#include <set>

#include "observe/log.h"
#include "warehouse/sql_tokens.h"

namespace freshet::sink {
namespace {

const Logger logger("sink.screen");

/// Databases that a killed process left are taken over one by one.
std::string next_database() {
  static std::atomic<int> next{0};
  return fmt::format("_freshet_screen_{}", next++);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

Result<std::unique_ptr<ViewScreen>> ViewScreen::create(warehouse::ClickHouse& clickhouse,
                                                       const TablePlan& plan) {
  std::unique_ptr<ViewScreen> screen(new ViewScreen(clickhouse, plan));
  FRESHET_TRY_CONTEXT(screen->make(), "copying the materialized views of table {}",
                      plan.table.name.display());
  return screen;
}

ViewScreen::~ViewScreen() {
  for (const auto& [original, copies] : databases_) {
    if (auto gone = clickhouse_.query("DROP DATABASE IF EXISTS " + copies + " SYNC", "Null");
        !gone) {
      logger.debug("copies of views could not be dropped", kv("database", copies),
                   kv("error", gone.error().message()));
    }
  }
}

std::string ViewScreen::copy_of(const warehouse::TableName& table) const {
  return databases_.at(table.database) + "." + warehouse::quote_identifier(table.table);
}

Result<void> ViewScreen::make() {
  std::set<warehouse::TableName> tables = {plan_.table.name};
  std::set<std::string> databases = {plan_.table.name.database};
  for (const auto& view : plan_.views) {
    tables.insert(view.target.name);
    databases.insert(view.target.name.database);
    databases.insert(view.view.database);
  }
  for (const auto& database : databases) {
    const std::string copies = next_database();
    databases_[database] = copies;
    FRESHET_TRY(clickhouse_.query("DROP DATABASE IF EXISTS " + copies + " SYNC", "Null"));
    FRESHET_TRY(clickhouse_.query("CREATE DATABASE " + copies, "Null"));
  }
  for (const auto& table : tables) FRESHET_TRY(copy_table(table));
  for (const auto& view : plan_.views) {
    FRESHET_ASSIGN(const std::string select, select_of(view.view));
    FRESHET_ASSIGN(const std::string copied, over_copies(select));
    FRESHET_TRY(
        clickhouse_.query(fmt::format("CREATE MATERIALIZED VIEW {} TO {} AS {}", copy_of(view.view),
                                      copy_of(view.target.name), copied),
                          "Null"));
    selects_[view.view] = select;
  }
  return {};
}

Result<void> ViewScreen::copy_table(const warehouse::TableName& table) {
  FRESHET_TRY(clickhouse_.query(
      fmt::format("CREATE TABLE {} AS {} ENGINE = Null", copy_of(table), table.quoted()), "Null",
      copy_settings()));
  return {};
}

Result<std::string> ViewScreen::select_of(const warehouse::TableName& view) {
  FRESHET_ASSIGN(
      const auto result,
      clickhouse_.query(
          fmt::format("SELECT as_select FROM system.tables WHERE database = {} AND "
                      "name = {}",
                      warehouse::quote_string(view.database), warehouse::quote_string(view.table)),
          "RawBLOB"));
  return result.bytes;
}

/// Names the copies instead of the tables that feed views; other tables stay what they are.
Result<std::string> ViewScreen::over_copies(const std::string& select) const {
  std::set<warehouse::TableName> sources;
  for (const auto& view : plan_.views) sources.insert(view.source);
  FRESHET_ASSIGN(const auto tokens, warehouse::tokenize_sql(select));
  std::string copied;
  size_t done = 0;
  for (size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (!tokens[i].is_name() || !tokens[i + 1].is_symbol('.') || !tokens[i + 2].is_name()) continue;
    const warehouse::TableName named{tokens[i].name(), tokens[i + 2].name()};
    if (!sources.contains(named)) continue;
    copied += select.substr(done, tokens[i].at - done) + copy_of(named);
    done = tokens[i + 2].end();
  }
  return copied + select.substr(done);
}

Result<void> ViewScreen::check(const warehouse::InsertStatement& like, std::string_view block) {
  warehouse::InsertStatement statement = like;
  statement.table = copy_of(plan_.table.name);
  const auto passed = clickhouse_.insert(statement, std::span(&block, 1));
  if (passed) return {};
  std::string message = passed.error().message();
  for (const auto& [original, copies] : databases_) replace_all(message, copies, original);
  return std::unexpected(Error(passed.error().code(), std::move(message)));
}

Result<bool> ViewScreen::is_stale() {
  for (const auto& [view, select] : selects_) {
    FRESHET_ASSIGN(const std::string now, select_of(view));
    if (now != select) return true;
  }
  return false;
}

}  // namespace freshet::sink
