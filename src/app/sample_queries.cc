#include "app/sample_queries.h"

#include <sstream>

#include "io/file.h"

namespace freshet::app {

std::vector<SampleQuery> parse_sample_queries(const std::string& text) {
  std::vector<SampleQuery> queries;
  SampleQuery query;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \r\t") + 1);
    if (line.empty() && query.sql.empty()) {
      query.title.clear();  // a heading of the file, not of a statement
    } else if (line.starts_with("--")) {
      const size_t begin = line.find_first_not_of("- ");
      if (begin != std::string::npos) query.title = line.substr(begin);
    } else if (!line.empty()) {
      const bool ends = line.back() == ';';
      if (ends) line.pop_back();
      query.sql += (query.sql.empty() ? "" : "\n") + line;
      if (ends) queries.push_back(std::exchange(query, {}));
    }
  }
  if (!query.sql.empty()) queries.push_back(std::move(query));
  return queries;
}

Result<std::vector<SampleQuery>> read_sample_queries(const std::filesystem::path& platform_file) {
  const auto text = io::read_file(platform_file.parent_path() / "queries.sql", 1 << 20);
  if (!text && text.error().code() == Errc::kNotFound) return std::vector<SampleQuery>{};
  if (!text) return std::unexpected(text.error());
  return parse_sample_queries(*text);
}

}  // namespace freshet::app
