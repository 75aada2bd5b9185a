// Reading the JSON answers of a running platform: arrays of flat objects and the values in them.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/listing.h"
#include "base/error.h"

namespace freshet::app {

/// The elements of a document that is an array of objects. kInternal for anything else.
Result<boost::json::array> parse_objects(std::string_view document);

/// Member of an object as its text or number; missing or null is monostate, strings of an array
/// stand behind one another ("a, b"), anything else nested is its JSON text.
[[nodiscard]] Value member(const boost::json::value& object, std::string_view name);
/// The same as a text, empty if it is none.
[[nodiscard]] std::string text_member(const boost::json::value& object, std::string_view name);
/// The same as a number, 0 if it is none.
[[nodiscard]] int64_t integer_member(const boost::json::value& object, std::string_view name);

/// Members that hold the same names as the columns, row by row.
[[nodiscard]] Listing list_members(const boost::json::array& objects,
                                   const std::vector<Listing::Column>& columns);

/// JSON: one array, an element a line; NDJSON: an element a line.
[[nodiscard]] std::string print_elements(const boost::json::array& elements, OutputFormat format);

}  // namespace freshet::app
