// Runs a test of this program in a child process that is killed at a crash point.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::broker {

/// Where the child finds its directory.
inline constexpr const char* kDirectoryVariable = "FRESHET_CRASH_TEST_DIRECTORY";

/// The child runs the test CrashChild.DISABLED_<test> in `directory`, with FRESHET_CRASH_AT set to
/// `crash_at` (base/crash_point.h). True if it was killed.
inline bool run_child(const std::filesystem::path& directory, const std::string& test,
                      const std::string& crash_at) {
  const auto filter = "--gtest_filter=CrashChild.DISABLED_" + test;
  std::vector<std::string> arguments{"/proc/self/exe", filter, "--gtest_also_run_disabled_tests",
                                     "--gtest_brief=1"};
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> environment{fmt::format("{}={}", kDirectoryVariable, directory.native()),
                                       "FRESHET_CRASH_AT=" + crash_at};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    // The child runs the one case that it is told, whichever share of all cases its parent runs.
    if (!std::string_view(*variable).starts_with("GTEST_")) environment.emplace_back(*variable);
  }
  std::vector<char*> envp;
  for (auto& variable : environment) envp.push_back(variable.data());
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const auto output = directory / "output";
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_CREAT | O_APPEND | O_WRONLY,
                                     0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int spawned = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(spawned, 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!killed && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
    std::ifstream text(output);
    ADD_FAILURE() << "the child failed with status " << status << ": " << text.rdbuf();
  }
  return killed;
}

}  // namespace freshet::broker
