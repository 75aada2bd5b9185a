#include "io/http_router.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace freshet::io {
namespace {

bool is_capture(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// How well a route fits: the number of literal segments, none if it does not.
std::optional<size_t> fit(const std::vector<std::string>& pattern,
                          const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  size_t literals = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (is_capture(pattern[i])) {
      if (path[i].empty()) return std::nullopt;
    } else if (pattern[i] == path[i]) {
      ++literals;
    } else {
      return std::nullopt;
    }
  }
  return literals;
}

}  // namespace

void HttpRouter::add(const std::string& method, const std::string& pattern,
                     std::function<HttpResponse(const HttpRequest&)> handler, WorkerPool* pool) {
  FRESHET_CHECK(pattern.starts_with('/'), "route {} must begin with /", pattern);
  routes_.push_back({method, split_path(pattern), std::move(handler), pool});
}

Result<HttpRouter::Match> HttpRouter::find(std::string_view method, std::string_view path) const {
  std::vector<std::string> segments = split_path(path);
  for (std::string& segment : segments) {
    FRESHET_ASSIGN(segment, percent_decode(segment, /*plus_is_space=*/false));
  }
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  const Route* best = nullptr;
  size_t best_fit = 0;
  Match match;
  for (const Route& route : routes_) {
    const auto literals = fit(route.segments, segments);
    if (!literals) continue;
    if (route.method != wanted) {
      match.allowed += (match.allowed.empty() ? "" : ", ") + route.method;
    } else if (best == nullptr || *literals > best_fit) {
      best = &route;
      best_fit = *literals;
    }
  }
  if (best == nullptr) {
    if (match.allowed.empty()) return fail(Errc::kNotFound, "there is nothing at {}", path);
    return match;
  }
  match.route = best;
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string& name = best->segments[i];
    if (is_capture(name)) match.captures[name.substr(1, name.size() - 2)] = std::move(segments[i]);
  }
  return match;
}

}  // namespace freshet::io
