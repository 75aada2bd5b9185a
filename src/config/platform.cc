#include "config/platform.h"

#include <fmt/format.h>

#include <algorithm>

namespace freshet::config {

const PipelineSettings* Platform::pipeline(const std::string& wanted) const {
  const auto found = std::ranges::find(pipelines, wanted, &PipelineSettings::name);
  return found == pipelines.end() ? nullptr : &*found;
}

std::string Platform::consumer_group(const PipelineSettings& pipeline) const {
  return fmt::format("freshet.{}.{}", name, pipeline.name);
}

std::string Platform::turns_group(const SourceSettings& source) const {
  return fmt::format("freshet.{}.source.{}", name, source.name);
}

std::string Platform::dead_letter_topic(const PipelineSettings& pipeline) const {
  return fmt::format("{}.{}.dlq", name, pipeline.name);
}

}  // namespace freshet::config
