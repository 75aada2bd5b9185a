#include "config/section.h"

#include <fmt/format.h>

#include <algorithm>

namespace freshet::config {
namespace {

std::vector<std::string> names_of(const SectionInfo& section) {
  std::vector<std::string> names;
  for (const KeyInfo& key : section.keys) {
    if (key.supported) names.push_back(key.name);
  }
  return names;
}

std::string such_as(const KeyInfo& key) {
  return key.text.example.empty() ? "" : fmt::format(", such as {}", key.text.example);
}

std::string expectation(const KeyInfo& key) {
  if (key.expected.empty()) return fmt::format("expected a {}{}", key.type, such_as(key));
  return fmt::format("expected {} ({}){}", key.type, key.expected, such_as(key));
}

void report_unknown(const Place& place, const Node::Entry& entry, const SectionInfo& section) {
  const auto names = names_of(section);
  const std::string nearest = nearest_name(entry.key, names);
  const Place at = place.below(entry.key, entry.value);
  if (!nearest.empty()) {
    at.error(entry.key_at, fmt::format("unknown key; did you mean '{}'?", nearest));
  } else {
    at.error(entry.key_at, fmt::format("unknown key; expected one of {}", fmt::join(names, ", ")));
  }
}

}  // namespace

Place Place::below(const std::string& key, const Node& node) const {
  constexpr size_t kKeyShownMax = 80;
  const std::string shown = key.size() <= kKeyShownMax ? key : key.substr(0, kKeyShownMax) + "...";
  return {node, path_.empty() ? shown : path_ + "." + shown, *reading_};
}

void Place::error(SourcePosition at, const std::string& message) const {
  reading_->problems.error(at, path_.empty() ? message : path_ + ": " + message);
}

void Place::warning(SourcePosition at, const std::string& message) const {
  reading_->problems.warning(at, path_.empty() ? message : path_ + ": " + message);
}

KeyInfo map_key(const std::string& name, std::shared_ptr<const SectionInfo> section, KeyText text) {
  return {.name = name, .type = "map", .text = std::move(text), .section = std::move(section)};
}

namespace detail {

void report_bad_value(const Place& place, const KeyInfo& key, const std::string& explained) {
  const Node& node = place.node();
  const std::string replaced = node.text == node.written ? "" : " (variables replaced)";
  place.error(fmt::format("{}{} {}", node.describe(), replaced,
                          explained.empty() ? "does not fit; " + expectation(key) : explained));
}

bool is_usable_scalar(const Place& place, const KeyInfo& key) {
  const Node& node = place.node();
  if (node.unusable) return false;
  if (node.is_scalar()) return true;
  place.error(fmt::format("{} found; {}", node.describe(), expectation(key)));
  return false;
}

bool check_keys(const Place& place, const SectionInfo& section) {
  const Node& node = place.node();
  if (!node.is_map()) {
    place.error(fmt::format("{} found; expected a map with keys such as {}", node.describe(),
                            fmt::join(names_of(section), ", ")));
    return false;
  }
  for (const Node::Entry& entry : node.entries) {
    const auto key = std::ranges::find(section.keys, entry.key, &KeyInfo::name);
    if (key == section.keys.end()) {
      report_unknown(place, entry, section);
    } else if (!key->supported) {
      place.below(entry.key, entry.value)
          .error(entry.key_at, "not supported yet; remove this key to run without it");
    }
  }
  for (const KeyInfo& key : section.keys) {
    if (key.required && node.find(key.name) == nullptr) {
      place.error(fmt::format("key '{}' is missing; {}", key.name, expectation(key)));
    }
  }
  return true;
}

}  // namespace detail
}  // namespace freshet::config
