#include "base/crash_point.h"

#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

namespace freshet::detail {
namespace {

struct Target {
  std::string name;
  int countdown = 0;
};

Target read_target() {
  const char* text = std::getenv("FRESHET_CRASH_AT");
  if (text == nullptr) return {};
  std::string_view view(text);
  Target target{.name = std::string(view.substr(0, view.find(':'))), .countdown = 1};
  if (const auto colon = view.find(':'); colon != std::string_view::npos) {
    std::from_chars(view.data() + colon + 1, view.data() + view.size(), target.countdown);
  }
  return target;
}

const Target& target() {
  static const Target instance = read_target();
  return instance;
}

std::atomic<int> passes_left{target().countdown};

}  // namespace

std::atomic<bool> crash_points_armed{!target().name.empty()};

void crash_point_reached(std::string_view name) {
  if (name != target().name) return;
  if (passes_left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

}  // namespace freshet::detail
