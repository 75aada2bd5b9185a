#include "app/verdict_report.h"

#include <algorithm>
#include <cmath>

namespace freshet::app {
namespace {

std::string verdict_text(const pipeline::PipelineVerdict& verdict) {
  if (!verdict.exact()) return "NOT EXACT ✗";
  return verdict.records == 0 ? "nothing to prove" : "exactly once ✓";
}

Value count(uint64_t number) { return static_cast<int64_t>(number); }

/// Latency and rate of this run; "-" where the pipeline had nothing to do in it.
void add_figures(std::vector<Value>& row, const std::string& pipeline, const RunFigures& figures) {
  const auto status =
      std::ranges::find(figures.statuses, pipeline, &pipeline::PipelineStatus::name);
  const auto pace = figures.paces.find(pipeline);
  if (status == figures.statuses.end() || status->records == 0) {
    row.insert(row.end(), 3, std::monostate());
    return;
  }
  row.emplace_back(static_cast<int64_t>(std::lround(status->visible_p50_ms)));
  row.emplace_back(static_cast<int64_t>(std::lround(status->visible_p99_ms)));
  const double average = pace == figures.paces.end() ? 0 : pace->second.average();
  row.push_back(average > 0 ? Value(static_cast<int64_t>(average)) : Value());
}

std::string print_table(const std::vector<pipeline::PipelineVerdict>& verdicts,
                        const RunFigures* figures) {
  std::vector<Listing::Column> columns;
  for (const char* title :
       {"pipeline", "topic", "records", "in table", "replaced", "rejected", "missing", "doubled"}) {
    columns.push_back({title, title});
  }
  if (figures != nullptr) {
    for (const char* title : {"p50 ms", "p99 ms", "events/s"}) columns.push_back({title, title});
  }
  columns.push_back({"verdict", "verdict"});
  Listing listing(columns);
  std::string findings;
  for (const auto& verdict : verdicts) {
    std::vector<Value> row{verdict.pipeline,        verdict.topic,
                           count(verdict.records),  count(verdict.in_table),
                           count(verdict.replaced), count(verdict.rejected),
                           count(verdict.missing),  count(verdict.doubled)};
    if (figures != nullptr) add_figures(row, verdict.pipeline, *figures);
    row.emplace_back(verdict_text(verdict));
    listing.add(std::move(row));
    for (const auto& line : findings_text(verdict)) {
      findings += fmt::format("{}: {}\n", verdict.pipeline, line);
    }
  }
  return listing.print(OutputFormat::kTable) + findings;
}

}  // namespace

bool all_exact(const std::vector<pipeline::PipelineVerdict>& verdicts) {
  return std::ranges::all_of(verdicts, [](const auto& verdict) { return verdict.exact(); });
}

std::string print_verdicts(const std::vector<pipeline::PipelineVerdict>& verdicts,
                           const RunFigures* figures, OutputFormat format) {
  if (format == OutputFormat::kTable) return print_table(verdicts, figures);
  std::string out;
  for (const auto& verdict : verdicts) {
    if (format == OutputFormat::kJson) out += out.empty() ? "[\n  " : ",\n  ";
    out += to_json(verdict);
    if (format == OutputFormat::kNdjson) out += "\n";
  }
  if (format == OutputFormat::kJson) out += out.empty() ? "[]\n" : "\n]\n";
  return out;
}

}  // namespace freshet::app
