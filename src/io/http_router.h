// Finds the handler of a request by method and path. Filled before the server listens, then
// constant.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/http_message.h"

namespace freshet::io {

class WorkerPool;

class HttpRouter {
 public:
  struct Route {
    std::string method;
    std::vector<std::string> segments;  // "{name}" captures one
    std::function<HttpResponse(const HttpRequest&)> handler;
    WorkerPool* pool = nullptr;
  };
  struct Match {
    const Route* route = nullptr;  // null: the path takes other methods only
    std::map<std::string, std::string> captures;
    std::string allowed;  // "GET, POST", if route is null
  };

  void add(const std::string& method, const std::string& pattern,
           std::function<HttpResponse(const HttpRequest&)> handler, WorkerPool* pool);

  /// kNotFound: no route has this path; kInvalidArgument: a broken escape. HEAD finds GET routes.
  [[nodiscard]] Result<Match> find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace freshet::io
