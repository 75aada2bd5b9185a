// Queries that an example brings along: the file queries.sql beside its platform file. Statements
// end with ';' at the end of a line; the comment line before one is its title.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace freshet::app {

struct SampleQuery {
  std::string title;
  std::string sql;
};

/// None if there is no such file; at most 1 MiB is read.
Result<std::vector<SampleQuery>> read_sample_queries(const std::filesystem::path& platform_file);

/// The statements of a text, in order.
[[nodiscard]] std::vector<SampleQuery> parse_sample_queries(const std::string& text);

}  // namespace freshet::app
