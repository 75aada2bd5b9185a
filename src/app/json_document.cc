#include "app/json_document.h"

#include <boost/json.hpp>
#include <limits>

namespace freshet::app {
namespace {

/// "a, b" for strings; the JSON text if anything else is among them.
std::string list_text(const boost::json::array& list) {
  std::string out;
  for (const auto& element : list) {
    if (!element.is_string()) return boost::json::serialize(list);
    out += (out.empty() ? "" : ", ") + std::string(element.get_string());
  }
  return out;
}

}  // namespace

Result<boost::json::array> parse_objects(std::string_view document) {
  boost::system::error_code failure;
  boost::json::value parsed = boost::json::parse(document, failure);
  if (failure || !parsed.is_array()) {
    return fail(Errc::kInternal,
                "the running platform answered with something else than an array: {}",
                document.substr(0, 200));
  }
  for (const auto& element : parsed.get_array()) {
    if (!element.is_object()) {
      return fail(Errc::kInternal,
                  "the running platform's answer holds something else than objects");
    }
  }
  return std::move(parsed.get_array());
}

Value member(const boost::json::value& object, std::string_view name) {
  const auto* found = object.get_object().if_contains(name);
  if (found == nullptr || found->is_null()) return {};
  if (found->is_bool()) return found->get_bool();
  if (found->is_int64()) return found->get_int64();
  if (found->is_uint64()) return static_cast<int64_t>(found->get_uint64());
  if (found->is_double()) return found->get_double();
  if (found->is_string()) return std::string(found->get_string());
  if (found->is_array()) return list_text(found->get_array());
  return boost::json::serialize(*found);
}

std::string text_member(const boost::json::value& object, std::string_view name) {
  Value value = member(object, name);
  auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : std::move(*text);
}

int64_t integer_member(const boost::json::value& object, std::string_view name) {
  const Value value = member(object, name);
  const auto* number = std::get_if<int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

Listing list_members(const boost::json::array& objects,
                     const std::vector<Listing::Column>& columns) {
  Listing listing(columns);
  for (const auto& object : objects) {
    std::vector<Value> row;
    for (const auto& column : columns) row.push_back(member(object, column.name));
    listing.add(std::move(row));
  }
  return listing;
}

std::string print_elements(const boost::json::array& elements, OutputFormat format) {
  std::string out;
  for (const auto& element : elements) {
    if (format == OutputFormat::kJson) out += out.empty() ? "[\n  " : ",\n  ";
    out += boost::json::serialize(element);
    if (format == OutputFormat::kNdjson) out += "\n";
  }
  if (format == OutputFormat::kJson) out += out.empty() ? "[]\n" : "\n]\n";
  return out;
}

}  // namespace freshet::app
