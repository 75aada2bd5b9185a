// Targets of HTTP requests: any bytes give a route, no route, or an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/http_router.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::io;
  static const HttpRouter router = [] {
    HttpRouter made;
    const auto handler = [](const HttpRequest&) { return HttpResponse{}; };
    made.add("GET", "/v1/pipelines", handler, nullptr);
    made.add("GET", "/v1/pipelines/{name}", handler, nullptr);
    made.add("POST", "/v1/{a}/b/{c}", handler, nullptr);
    return made;
  }();
  HttpRequest request;
  if (!read_target({reinterpret_cast<const char*>(data), size}, request)) return 0;
  const auto match = router.find("GET", request.path);
  if (match && match->route == nullptr && match->allowed.empty()) std::abort();
  if (percent_decode(percent_encode(request.path), false) != request.path) std::abort();
  return 0;
}
