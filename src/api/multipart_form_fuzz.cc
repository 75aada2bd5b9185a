// Forms: the first line is the Content-Type, the rest the body. Any bytes give parts that lie in
// the body, or an error.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/multipart_form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  std::string_view body(reinterpret_cast<const char*>(data), size);
  const std::string_view type = body.substr(0, body.find('\n'));
  body.remove_prefix(std::min(type.size() + 1, body.size()));
  const std::string_view boundary = api::form_boundary(type);
  if (boundary.empty()) return 0;
  const auto parts = api::read_form(body, boundary);
  if (!parts) return 0;
  size_t bytes = 0;
  for (const api::FormPart& part : *parts) {
    if (part.name.empty()) std::abort();
    bytes += part.value.size();
  }
  if (bytes > body.size()) std::abort();
  return 0;
}
