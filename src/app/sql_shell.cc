#include "app/sql_shell.h"

#include <editline/readline.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace freshet::app {
namespace {

constexpr int kHistoryLinesMax = 10'000;

/// Empty if there is no home to keep it in.
std::filesystem::path history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state == nullptr && home == nullptr) return {};
  const std::filesystem::path base = state != nullptr
                                         ? std::filesystem::path(state)
                                         : std::filesystem::path(home) / ".local/state";
  std::error_code failure;
  std::filesystem::create_directories(base / "freshet", failure);
  return failure ? std::filesystem::path() : base / "freshet/sql_history";
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

bool means_goodbye(const std::string& text) {
  return text == "exit" || text == "quit" || text == "exit;" || text == "quit;" || text == "\\q";
}

}  // namespace

Result<void> run_sql_shell(const std::function<Result<void>(const std::string&)>& run) {
  using_history();
  stifle_history(kHistoryLinesMax);
  const auto history = history_file();
  if (!history.empty()) read_history(history.c_str());
  std::puts("Statements end with ';'. exit, quit or Ctrl-D leaves.");
  std::string statement;
  while (true) {
    const std::unique_ptr<char, decltype(&std::free)> line(
        readline(statement.empty() ? "freshet> " : "      -> "), &std::free);
    if (line == nullptr) break;
    statement += (statement.empty() ? "" : "\n") + std::string(line.get());
    std::string text = trimmed(statement);
    if (means_goodbye(text)) break;
    if (text.empty()) statement.clear();
    if (text.empty() || text.back() != ';') continue;
    add_history(text.c_str());
    if (!history.empty()) write_history(history.c_str());
    text.pop_back();
    statement.clear();
    if (const auto done = run(text); !done) std::printf("%s\n", done.error().message().c_str());
  }
  std::puts("");
  return {};
}

}  // namespace freshet::app
