// freshet sql: asks the warehouse, once or in a shell.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/query_target.h"
#include "app/sample_queries.h"
#include "app/sql_shell.h"

namespace freshet::app {
namespace {

struct SqlArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::string query;
  std::string format;
  std::string output;
};

struct AnswerFormat {
  std::string name;
  warehouse::Settings settings;
};

/// --format wins; else --output; else a table on a terminal and tab-separated values in a pipe.
AnswerFormat answer_format(const SqlArguments& arguments) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  if (!arguments.format.empty()) return {arguments.format, {}};
  if (arguments.output == "json") {
    return {"JSONEachRow", {{"output_format_json_array_of_rows", "1"}}};
  }
  if (arguments.output == "ndjson") return {"JSONEachRow", {}};
  if (arguments.output == "table" || terminal) {
    return {"PrettyCompactMonoBlock",
            {{"output_format_pretty_color", terminal ? "1" : "0"},
             {"output_format_pretty_row_numbers", "0"}}};
  }
  return {"TabSeparated", {}};
}

Result<void> ask(QueryTarget& target, const std::string& sql, const AnswerFormat& format) {
  bool broken = false;
  const auto done =
      target.query(sql, format.name, format.settings, [&broken](std::string_view chunk) {
        broken = std::fwrite(chunk.data(), 1, chunk.size(), stdout) != chunk.size();
        return !broken;
      });
  if (std::fflush(stdout) != 0) broken = true;
  if (broken) return {};  // whoever reads our output has seen enough
  return done;
}

Result<int> sql(const SqlArguments& arguments) {
  FRESHET_ASSIGN(auto target, QueryTarget::find(*arguments.platform));
  const AnswerFormat format = answer_format(arguments);
  if (!arguments.query.empty()) {
    FRESHET_TRY(ask(target, arguments.query, format));
    return kExitSuccess;
  }
  if (isatty(STDIN_FILENO) != 0) {
    FRESHET_TRY(run_sql_shell(
        [&](const std::string& statement) { return ask(target, statement, format); }));
    return kExitSuccess;
  }
  const std::string script((std::istreambuf_iterator<char>(std::cin)),
                           std::istreambuf_iterator<char>());
  for (const auto& statement : parse_sample_queries(script)) {
    FRESHET_TRY(ask(target, statement.sql, format));
  }
  return kExitSuccess;
}

}  // namespace

void add_sql(CommandTree& tree) {
  CLI::App& command = tree.add(
      tree.root(), "sql", "Query the warehouse; without QUERY a shell with history",
      {"freshet sql \"SELECT event_type, count() FROM bitpin.events GROUP BY ALL\"",
       "freshet sql --format JSONEachRow \"SELECT * FROM bitpin.events LIMIT 3\"",
       "freshet sql < queries.sql           statements end with ';' at the end of a line"});
  auto arguments = std::make_shared<SqlArguments>();
  command.add_option("QUERY", arguments->query, "One statement");
  command.add_option("--format", arguments->format,
                     "Any ClickHouse format: JSONEachRow, CSVWithNames, Vertical, Parquet, …");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/false);
  command.add_option("--output", arguments->output, "table, json or ndjson")
      ->envname("FRESHET_OUTPUT")
      ->check(CLI::IsMember({"table", "json", "ndjson"}));
  tree.set_body(command, [arguments] { return sql(*arguments); });
}

}  // namespace freshet::app
