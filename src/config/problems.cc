#include "config/problems.h"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace freshet::config {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Edits (insert, delete, replace, swap of neighbours) between two short names.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

// Keys of the file stand in messages and may hold line ends.
std::string on_one_line(std::string message) {
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return message;
}

}  // namespace

void Problems::error(SourcePosition at, std::string message) {
  problems_.push_back({at, Severity::kError, on_one_line(std::move(message))});
}

void Problems::warning(SourcePosition at, std::string message) {
  problems_.push_back({at, Severity::kWarning, on_one_line(std::move(message))});
}

bool Problems::has_errors() const {
  return std::ranges::any_of(problems_,
                             [](const Problem& p) { return p.severity == Severity::kError; });
}

std::vector<Problem> Problems::sorted() const {
  std::vector<Problem> sorted = problems_;
  std::ranges::sort(sorted, {}, [](const Problem& p) { return std::tie(p.at, p.message); });
  return sorted;
}

std::string Problems::to_string() const {
  std::string out;
  for (const Problem& problem : sorted()) {
    out += file_;
    if (problem.at.line > 0) out += fmt::format(":{}:{}", problem.at.line, problem.at.column);
    out += problem.severity == Severity::kError ? ": error: " : ": warning: ";
    out += problem.message;
    out += '\n';
  }
  return out;
}

std::string nearest_name(std::string_view typed, const std::vector<std::string>& candidates) {
  constexpr size_t kTypedMax = 64;
  if (typed.empty() || typed.size() > kTypedMax) return {};
  const std::string wanted = lower(typed);
  std::string best;
  size_t best_distance = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kTypedMax) continue;
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace freshet::config
