// The kinds of single values that keys can have: how each is read, printed, bounded and named.
// Used by config/section.h; a kind is made where a key is registered.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/secret.h"

namespace freshet::config {

/// What reading a document needs besides the node. Lives as long as one load.
struct Reading {
  Problems& problems;
  std::string directory;  // what `file:` secrets count from
};

template <class V>
struct ValueKind {
  std::string type;      // "count", "duration", "one of"
  std::string expected;  // "1 to 10_000_000", "json, csv"
  /// None if the scalar is not such a value or out of bounds.
  std::function<std::optional<V>(const std::string& text)> parse;
  std::function<std::string(const V&)> print;
  /// A better message for a text that parse() refused, empty for the usual one.
  std::function<std::string(const std::string& text)> explain = {};
};

ValueKind<uint64_t> count_kind(uint64_t min, uint64_t max);
/// The same for a field of another integer type that holds `max`.
template <class Integer>
ValueKind<Integer> count_kind_as(uint64_t min, uint64_t max) {
  auto kind = count_kind(min, max);
  return {
      kind.type, kind.expected,
      [parse = kind.parse](const std::string& text) -> std::optional<Integer> {
        const auto value = parse(text);
        if (!value) return std::nullopt;
        return static_cast<Integer>(*value);
      },
      [print = kind.print](const Integer& value) { return print(static_cast<uint64_t>(value)); }};
}
ValueKind<uint64_t> byte_size_kind(uint64_t min, uint64_t max);
ValueKind<std::chrono::milliseconds> duration_kind(std::chrono::milliseconds min,
                                                   std::chrono::milliseconds max);
/// Per second, greater than 0.
ValueKind<double> rate_kind(double max);
/// A share of a whole, up to 100%.
ValueKind<double> percent_kind();
ValueKind<std::chrono::milliseconds> utc_time_kind();
ValueKind<bool> boolean_kind();
/// Any text of 1 to `bytes_max` bytes; `type` is what messages call it: "path", "SQL".
ValueKind<std::string> text_kind(std::string type, size_t bytes_max);
/// Any text, also an empty one.
ValueKind<std::string> any_text_kind(std::string type, size_t bytes_max);
/// [a-z0-9_-], 1 to 63 characters: what becomes part of topic, group and metric names.
ValueKind<std::string> name_kind();
/// Kafka's rule: [a-zA-Z0-9._-], 1 to 249 characters, not "." or "..".
ValueKind<std::string> topic_kind();
/// "table" or "database.table" of plain identifiers.
ValueKind<std::string> table_kind();
/// Dotted path of names: "payload.total".
ValueKind<std::string> path_kind();
/// One ASCII character that is neither a quote nor a line end; "\t" for a tab.
ValueKind<char> delimiter_kind();
/// The text, or the content of the file (without its last line end) for "file:NAME".
ValueKind<Secret> secret_kind(const std::string& directory);

/// One of a few words; those of `not_yet` are refused as not supported yet.
ValueKind<std::string> word_kind(std::vector<std::string> words, std::vector<std::string> not_yet);
template <class E>
ValueKind<E> choice_kind(const std::vector<std::pair<std::string, E>>& choices,
                         std::vector<std::string> not_yet = {}) {
  std::vector<std::string> words;
  words.reserve(choices.size());
  for (const auto& [word, value] : choices) words.push_back(word);
  auto kind = word_kind(std::move(words), std::move(not_yet));
  return {kind.type, kind.expected,
          [choices](const std::string& text) -> std::optional<E> {
            for (const auto& [word, value] : choices) {
              if (word == text) return value;
            }
            return std::nullopt;
          },
          [choices](const E& wanted) {
            for (const auto& [word, value] : choices) {
              if (value == wanted) return word;
            }
            return std::string();
          },
          kind.explain};
}

}  // namespace freshet::config
