#include "config/value_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/units.h"

namespace freshet::config {
namespace {

using std::chrono::milliseconds;

template <class V>
std::optional<V> within(const Result<V>& value, V min, V max) {
  if (!value || *value < min || *value > max) return std::nullopt;
  return *value;
}

std::string identity(const std::string& text) { return text; }

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return is_lower_or_digit(c) || c == '_' || c == '-';
  });
}

bool is_topic(const std::string& text) {
  return !text.empty() && text.size() <= 249 && text != "." && text != ".." &&
         std::ranges::all_of(text, [](char c) {
           return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

bool is_identifier(std::string_view text) {
  return !text.empty() && text.size() <= 127 && !is_digit(text[0]) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_table(const std::string& text) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return is_identifier(text);
  return is_identifier(std::string_view(text).substr(0, dot)) &&
         is_identifier(std::string_view(text).substr(dot + 1));
}

bool is_path(std::string_view text) {
  constexpr size_t kBytesMax = 1024;
  return !text.empty() && text.size() <= kBytesMax && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos;
}

ValueKind<std::string> checked_text(std::string type, std::string expected,
                                    std::function<bool(const std::string&)> is_good) {
  return {std::move(type), std::move(expected),
          [is_good = std::move(is_good)](const std::string& text) -> std::optional<std::string> {
            if (!is_good(text)) return std::nullopt;
            return text;
          },
          identity};
}

// Content of a mounted secret without its last line end.
std::optional<std::string> read_secret_file(const std::filesystem::path& path) {
  constexpr size_t kBytesMax = 64 * 1024;
  std::ifstream in(path, std::ios::binary);
  std::string content(kBytesMax + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad() || in.gcount() == 0 || static_cast<size_t>(in.gcount()) > kBytesMax) {
    return std::nullopt;
  }
  content.resize(static_cast<size_t>(in.gcount()));
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  return content;
}

}  // namespace

ValueKind<uint64_t> count_kind(uint64_t min, uint64_t max) {
  const std::string expected = max == std::numeric_limits<uint64_t>::max() && min == 0
                                   ? "0 or more"
                                   : fmt::format("{} to {}", print_count(min), print_count(max));
  return {"count", expected,
          [min, max](const std::string& text) { return within(parse_count(text), min, max); },
          [](const uint64_t& value) { return print_count(value); }};
}

ValueKind<uint64_t> byte_size_kind(uint64_t min, uint64_t max) {
  return {"size", fmt::format("{} to {}", print_byte_size(min), print_byte_size(max)),
          [min, max](const std::string& text) { return within(parse_byte_size(text), min, max); },
          [](const uint64_t& value) { return print_byte_size(value); }};
}

ValueKind<milliseconds> duration_kind(milliseconds min, milliseconds max) {
  return {"duration", fmt::format("{} to {}", print_duration(min), print_duration(max)),
          [min, max](const std::string& text) { return within(parse_duration(text), min, max); },
          [](const milliseconds& value) { return print_duration(value); }};
}

ValueKind<double> rate_kind(double max) {
  return {"rate", fmt::format("above 0, up to {}", print_rate(max)),
          [max](const std::string& text) -> std::optional<double> {
            const auto value = parse_rate(text);
            if (!value || *value <= 0 || *value > max) return std::nullopt;
            return *value;
          },
          [](const double& value) { return print_rate(value); }};
}

ValueKind<double> percent_kind() {
  return {"percentage", "0% to 100%",
          [](const std::string& text) -> std::optional<double> {
            const auto value = parse_percent(text);
            if (!value || *value > 1) return std::nullopt;
            return *value;
          },
          [](const double& value) { return print_percent(value); }};
}

ValueKind<milliseconds> utc_time_kind() {
  return {"UTC time", "2025-09-18T10:30:00Z or 2025-09-18",
          [](const std::string& text) -> std::optional<milliseconds> {
            const auto value = parse_utc_time(text);
            if (!value) return std::nullopt;
            return *value;
          },
          [](const milliseconds& value) { return print_utc_time(value); }};
}

ValueKind<bool> boolean_kind() {
  return {"boolean", "true or false",
          [](const std::string& text) -> std::optional<bool> {
            if (text == "true") return true;
            if (text == "false") return false;
            return std::nullopt;
          },
          [](const bool& value) { return std::string(value ? "true" : "false"); }};
}

ValueKind<std::string> text_kind(std::string type, size_t bytes_max) {
  return checked_text(
      std::move(type), fmt::format("1 to {} bytes", print_count(bytes_max)),
      [bytes_max](const std::string& text) { return !text.empty() && text.size() <= bytes_max; });
}

ValueKind<std::string> any_text_kind(std::string type, size_t bytes_max) {
  return checked_text(std::move(type), fmt::format("up to {} bytes", print_count(bytes_max)),
                      [bytes_max](const std::string& text) { return text.size() <= bytes_max; });
}

ValueKind<std::string> name_kind() {
  return checked_text("name", "1 to 63 of a-z 0-9 _ -", is_name);
}

ValueKind<std::string> topic_kind() {
  return checked_text("topic name", "1 to 249 of a-z A-Z 0-9 . _ -", is_topic);
}

ValueKind<std::string> table_kind() {
  return checked_text("table name", "table or database.table, of letters, digits and _", is_table);
}

ValueKind<std::string> path_kind() {
  return checked_text("path", "names with dots between them", is_path);
}

ValueKind<char> delimiter_kind() {
  return {
      "character", "one ASCII character, or \"\\t\" for a tab",
      [](const std::string& text) -> std::optional<char> {
        if (text.size() != 1 || text[0] == '"' || text[0] == '\n' || text[0] == '\r' ||
            static_cast<unsigned char>(text[0]) >= 0x80) {
          return std::nullopt;
        }
        return text[0];
      },
      [](const char& value) { return value == '\t' ? R"("\t")" : fmt::format("\"{}\"", value); }};
}

ValueKind<Secret> secret_kind(const std::string& directory) {
  constexpr std::string_view kFilePrefix = "file:";
  return {"secret", "the text itself, ${NAME}, or file:NAME of a file of at most 64KiB",
          [directory, kFilePrefix](const std::string& text) -> std::optional<Secret> {
            if (!text.starts_with(kFilePrefix)) return Secret(text);
            const auto path = std::filesystem::path(directory) / text.substr(kFilePrefix.size());
            auto content = read_secret_file(path);
            if (!content) return std::nullopt;
            return Secret(std::move(*content));
          },
          [](const Secret& secret) { return secret.empty() ? "" : fmt::format("{}", secret); },
          [](const std::string&) {
            return std::string(
                "cannot be read, is empty or larger than 64KiB; expected file:NAME "
                "of a readable file");
          }};
}

ValueKind<std::string> word_kind(std::vector<std::string> words, std::vector<std::string> not_yet) {
  const std::string all = fmt::format("{}", fmt::join(words, ", "));
  const std::string wanted = words.size() == 1 ? all : "one of " + all;
  return {words.size() == 1 ? "only" : "one of", all,
          [words](const std::string& text) -> std::optional<std::string> {
            if (std::ranges::find(words, text) == words.end()) return std::nullopt;
            return text;
          },
          identity,
          [words, not_yet = std::move(not_yet), wanted](const std::string& text) -> std::string {
            if (std::ranges::find(not_yet, text) != not_yet.end()) {
              return fmt::format("is not supported yet; expected {}", wanted);
            }
            const std::string nearest = nearest_name(text, words);
            if (!nearest.empty()) return fmt::format("is unknown; did you mean '{}'?", nearest);
            return fmt::format("is unknown; expected {}", wanted);
          }};
}

}  // namespace freshet::config
