// A body of type multipart/form-data (RFC 7578), as HTTP clients send the fields of a form. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::api {

struct FormPart {
  std::string name;
  bool is_file = false;  // has a file name
  std::string_view value;
};

/// The boundary in a Content-Type; empty: it is no multipart form, or it says none.
std::string_view form_boundary(std::string_view content_type);

/// Values are views into `body`. kInvalidArgument for what is not such a form or does not end;
/// kTooLarge for more than 1,000 parts.
Result<std::vector<FormPart>> read_form(std::string_view body, std::string_view boundary);

}  // namespace freshet::api
