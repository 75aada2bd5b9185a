// The program: parses the command line and runs the chosen command.
#pragma once

namespace freshet::app {

/// Exit status: 0 success, 1 the thing asked about is not so or failed, 2 wrong usage.
int run_command_line(int argc, char** argv);

}  // namespace freshet::app
