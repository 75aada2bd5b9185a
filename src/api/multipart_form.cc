#include "api/multipart_form.h"

#include <algorithm>
#include <cctype>

namespace freshet::api {
namespace {

constexpr size_t kPartsMax = 1'000;
constexpr size_t kHeadersBytesMax = size_t{8} << 10;

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// Takes the text up to `mark`, and the mark, off `rest`; all of it when there is none.
std::string_view take_until(std::string_view& rest, std::string_view mark) {
  const size_t end = rest.find(mark);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + mark.size());
  return taken;
}

// The value of one parameter of a header: form-data; name="a"; filename="b".
struct Parameter {
  std::string_view name;
  std::string value;
};

Parameter take_parameter(std::string_view& rest) {
  Parameter parameter{.name = trimmed(rest.substr(0, rest.find_first_of("=;"))), .value = {}};
  rest.remove_prefix(std::min(rest.find_first_of("=;"), rest.size()));
  if (!rest.starts_with('=')) {
    rest.remove_prefix(rest.empty() ? 0 : 1);
    return parameter;
  }
  rest = trimmed(rest.substr(1));
  if (!rest.starts_with('"')) {
    parameter.value = trimmed(take_until(rest, ";"));
    return parameter;
  }
  rest.remove_prefix(1);
  while (!rest.empty() && !rest.starts_with('"')) {
    if (rest.starts_with('\\') && rest.size() > 1) rest.remove_prefix(1);
    parameter.value += rest.front();
    rest.remove_prefix(1);
  }
  take_until(rest, ";");
  return parameter;
}

Result<FormPart> read_part(std::string_view part) {
  const size_t end = part.find("\r\n\r\n");
  if (end > kHeadersBytesMax) {  // or nowhere
    return fail(Errc::kInvalidArgument, "a part of the form has no end of its headers");
  }
  std::string_view headers = part.substr(0, end);
  FormPart result{.name = {}, .is_file = false, .value = part.substr(end + 4)};
  while (!headers.empty()) {
    std::string_view line = take_until(headers, "\r\n");
    if (!same_letters(trimmed(take_until(line, ":")), "Content-Disposition")) continue;
    while (!line.empty()) {
      Parameter parameter = take_parameter(line);
      if (same_letters(parameter.name, "name")) result.name = std::move(parameter.value);
      result.is_file |= same_letters(parameter.name, "filename");
    }
  }
  if (result.name.empty()) return fail(Errc::kInvalidArgument, "a part of the form has no name");
  return result;
}

}  // namespace

std::string_view form_boundary(std::string_view content_type) {
  if (!same_letters(trimmed(take_until(content_type, ";")), "multipart/form-data")) return {};
  while (!content_type.empty()) {
    std::string_view parameter = trimmed(take_until(content_type, ";"));
    if (!same_letters(take_until(parameter, "="), "boundary")) continue;
    if (parameter.size() >= 2 && parameter.starts_with('"') && parameter.ends_with('"')) {
      parameter = parameter.substr(1, parameter.size() - 2);
    }
    return parameter;
  }
  return {};
}

Result<std::vector<FormPart>> read_form(std::string_view body, std::string_view boundary) {
  const std::string mark = "\r\n--" + std::string(boundary);
  // The first boundary may stand at the very beginning, without its line break.
  if (!body.starts_with(std::string_view(mark).substr(2))) {
    if (body.find(mark) == body.npos) {
      return fail(Errc::kInvalidArgument, "the form does not contain its boundary");
    }
    take_until(body, mark);
  } else {
    body.remove_prefix(mark.size() - 2);
  }
  std::vector<FormPart> parts;
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) {
      return fail(Errc::kInvalidArgument, "the form has more than a line break behind a boundary");
    }
    body.remove_prefix(2);
    if (body.find(mark) == body.npos) {
      return fail(Errc::kInvalidArgument, "the form ends inside part {}", parts.size() + 1);
    }
    if (parts.size() == kPartsMax) {
      return fail(Errc::kTooLarge, "the form has more than {} parts", kPartsMax);
    }
    FRESHET_ASSIGN(FormPart part, read_part(take_until(body, mark)));
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace freshet::api
