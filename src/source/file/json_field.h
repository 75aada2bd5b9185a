// Finds one top-level field of a JSON line, for the record key; the line itself is not checked.
#pragma once

#include <string>
#include <string_view>

namespace freshet::source {

/// Puts the text of field `name` of the object `line` into `text`: a string without its quotes and
/// with its escapes resolved, anything else as it is written. False if there is no such field, it
/// is null, an object or an array, or the line does not read as an object up to it.
bool find_json_field(std::string_view line, std::string_view name, std::string& text);

}  // namespace freshet::source
