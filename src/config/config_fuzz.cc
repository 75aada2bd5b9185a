// Platform file: any bytes give a platform or problems, each with a message.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/load_platform.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "some: [text]";
    return std::nullopt;
  };
  const auto loaded = freshet::config::load_platform_text(text, "fuzz", "/", environment);
  for (const auto& problem : loaded.problems.sorted()) {
    if (problem.message.empty() || problem.message.find('\n') != std::string::npos) std::abort();
  }
  if (!loaded.problems.has_errors() && loaded.platform.name.empty()) std::abort();
  return 0;
}
