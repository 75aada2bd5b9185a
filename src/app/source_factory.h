// From `sources:` of the platform file to a source that can be run.
#pragma once

#include <memory>

#include "base/error.h"
#include "config/platform.h"
#include "source/event_source.h"
#include "source/source_runner.h"

namespace freshet::app {

/// Opens the source; errors name what is wrong with its settings or files.
Result<std::unique_ptr<source::EventSource>> make_source(const config::SourceSettings& settings);

[[nodiscard]] source::SourceRunnerSettings runner_settings(const config::SourceSettings& settings);

/// Whether the source ends by itself.
[[nodiscard]] bool is_bounded(const config::SourceSettings& settings);

}  // namespace freshet::app
