// The interactive `freshet sql`: line editing and history on a terminal, statements end with ';'.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace freshet::app {

/// Reads statements until end of input, "exit" or "quit", and hands each to `run`, which prints the
/// answer; an error is printed and the shell goes on. History is kept from session to session in
/// $XDG_STATE_HOME/freshet/sql_history (~/.local/state/…). From one thread.
Result<void> run_sql_shell(const std::function<Result<void>(const std::string&)>& run);

}  // namespace freshet::app
