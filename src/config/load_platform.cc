#include "config/load_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <utility>

#include "config/platform_schema.h"
#include "observe/log.h"

namespace freshet::config {
namespace {

std::vector<std::string> topic_names(const Platform& platform) {
  std::vector<std::string> names;
  names.reserve(platform.topics.size());
  for (const TopicSettings& topic : platform.topics) names.push_back(topic.name);
  return names;
}

bool has_topic(const Platform& platform, const std::string& name) {
  return std::ranges::find(platform.topics, name, &TopicSettings::name) != platform.topics.end();
}

// A topic that only a source names is made with the defaults.
void add_source_topics(Platform& platform) {
  for (const SourceSettings& source : platform.sources) {
    if (source.to.empty() || has_topic(platform, source.to)) continue;
    TopicSettings topic;
    topic.name = source.to;
    topic.at = source.at;
    topic.declared = false;
    platform.topics.push_back(std::move(topic));
  }
}

void check_pipeline_topics(const Platform& platform, Problems& problems) {
  for (const PipelineSettings& pipeline : platform.pipelines) {
    std::vector<std::string> seen;
    for (const std::string& topic : pipeline.from) {
      const std::string path = fmt::format("pipelines.{}.from", pipeline.name);
      if (std::ranges::find(seen, topic) != seen.end()) {
        problems.error(pipeline.from_at,
                       fmt::format("{}: topic '{}' is listed twice; remove one", path, topic));
      }
      seen.push_back(topic);
      if (has_topic(platform, topic)) continue;
      const std::string nearest = nearest_name(topic, topic_names(platform));
      const std::string hint =
          nearest.empty() ? "" : fmt::format("did you mean '{}'? If not, ", nearest);
      problems.error(
          pipeline.from_at,
          fmt::format("{}: nothing in this file writes or declares topic '{}'; {}declare "
                      "it: topics: {{ {}: {{}} }}",
                      path, topic, hint, topic));
    }
  }
}

// The same records twice in one table: provenance could not tell the pipelines apart.
void check_shared_tables(const Platform& platform, Problems& problems) {
  std::map<std::pair<std::string, std::string>, std::string> writers;
  for (const PipelineSettings& pipeline : platform.pipelines) {
    if (pipeline.table.empty()) continue;
    for (const std::string& topic : pipeline.from) {
      const auto [first, is_new] = writers.emplace(std::pair(topic, pipeline.table), pipeline.name);
      if (is_new || first->second == pipeline.name) continue;
      problems.error(
          pipeline.table_at,
          fmt::format("pipelines.{}.to.clickhouse.table: pipeline '{}' writes topic '{}' "
                      "to this table too, so every row would be there twice; use "
                      "another table",
                      pipeline.name, first->second, topic));
    }
  }
}

void check_workers(const Platform& platform, Problems& problems) {
  for (const PipelineSettings& pipeline : platform.pipelines) {
    int64_t partitions = 0;
    for (const TopicSettings& topic : platform.topics) {
      if (std::ranges::find(pipeline.from, topic.name) != pipeline.from.end()) {
        partitions += topic.partitions;
      }
    }
    if (partitions > 0 && pipeline.workers > partitions) {
      problems.warning(pipeline.at,
                       fmt::format("pipelines.{}.workers: {} workers share {} partitions, so some "
                                   "will be idle; give the topic more partitions or lower workers",
                                   pipeline.name, pipeline.workers, partitions));
    }
  }
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

LoadedPlatform load_platform_text(std::string_view text, const std::string& name,
                                  const std::filesystem::path& directory,
                                  const Environment& environment) {
  LoadedPlatform loaded{{}, Problems(name)};
  const auto root = parse_document(text, environment, loaded.problems);
  if (!root) return loaded;
  Reading reading{loaded.problems, directory.string()};
  platform_section(directory.string()).read(Place(*root, "", reading), loaded.platform);
  add_source_topics(loaded.platform);
  check_pipeline_topics(loaded.platform, loaded.problems);
  check_shared_tables(loaded.platform, loaded.problems);
  check_workers(loaded.platform, loaded.problems);
  return loaded;
}

LoadedPlatform load_platform_file(const std::filesystem::path& file,
                                  const Environment& environment) {
  const auto unreadable = [&](const std::string& why) {
    LoadedPlatform loaded{{}, Problems(file.string())};
    loaded.problems.error({}, why);
    return loaded;
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    return unreadable("this is a directory; expected a platform file such as platform.yaml in it");
  }
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return unreadable(fmt::format("cannot be opened: {}; name a platform file",
                                  errno_error("open", errno).message()));
  }
  // One byte more than allowed, so that the parser sees that the file is too large.
  std::string text(kDocumentBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return unreadable("cannot be read");
  text.resize(static_cast<size_t>(in.gcount()));
  const auto parent = file.parent_path();
  auto loaded = load_platform_text(text, file.string(), parent, environment);
  loaded.platform.file = file;
  return loaded;
}

Result<Platform> require_platform(LoadedPlatform loaded) {
  static const Logger logger("config");
  if (loaded.problems.has_errors()) {
    std::string text = loaded.problems.to_string();
    if (text.ends_with('\n')) text.pop_back();
    return std::unexpected(Error(Errc::kInvalidArgument, std::move(text)));
  }
  for (const Problem& problem : loaded.problems.sorted()) {
    logger.warn("platform file", kv("file", loaded.problems.file()), kv("line", problem.at.line),
                kv("warning", problem.message));
  }
  return std::move(loaded.platform);
}

}  // namespace freshet::config
