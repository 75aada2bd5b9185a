// FRESHET_TEST_GUARD_OFF, for the kill test alone: takes one layer of exactly-once away, to prove
// that the test would see its loss. Never set it in production; the pipeline logs an error if it
// is.
#pragma once

#include <cstdlib>
#include <string_view>

namespace freshet::pipeline {

struct TestGuards {
  /// Off ("intent"): commits carry no pending ranges, so that a restart cuts anew from the
  /// committed offset and trusts that nothing was begun.
  bool intent = true;
  /// Off ("probe"): in-doubt ranges are written again without asking the destination.
  bool probe = true;

  static TestGuards from_environment() {
    const char* text = std::getenv("FRESHET_TEST_GUARD_OFF");
    const std::string_view off = text == nullptr ? "" : text;
    return {.intent = off != "intent", .probe = off != "probe"};
  }
};

}  // namespace freshet::pipeline
