#include "config/reference.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/platform_schema.h"

namespace freshet::config {
namespace {

// A key's path as the page writes it: names that a user chooses are <name>, list items vanish.
std::string below(const std::string& path, const KeyInfo& key) {
  const std::string name = key.name.empty() ? "<name>" : key.name;
  return path.empty() ? name : path + "." + name;
}

std::string type_of(const KeyInfo& key) {
  if (key.section) return key.type;
  if (key.expected.empty()) return key.type;
  const bool words = key.type == "one of" || key.type == "only";
  return words ? key.type + " " + key.expected : key.type + ": " + key.expected;
}

std::string default_of(const KeyInfo& key) {
  if (key.required) return "required";
  if (!key.otherwise.empty()) return "`" + key.otherwise + "`";
  return key.text.absent;
}

std::string description_of(const KeyInfo& key) {
  std::string text = key.text.what;
  if (!key.text.example.empty()) text += fmt::format(" Example: `{}`", key.text.example);
  if (!key.supported) text += " *Not supported yet.*";
  return text;
}

std::string in_cell(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.insert(at, "\\");
  }
  return text;
}

void append_section(std::string& page, const std::string& path, const SectionInfo& section) {
  // A map of names has no table of its own: its one entry is the next section.
  const bool of_names = section.keys.size() == 1 && section.keys[0].name.empty();
  if (!of_names) {
    if (!path.empty()) page += fmt::format("\n## `{}`\n\n{}\n", path, section.what);
    page += "\n| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const KeyInfo& key : section.keys) {
      page += fmt::format("| `{}` | {} | {} | {} |\n", key.name, in_cell(type_of(key)),
                          in_cell(default_of(key)), in_cell(description_of(key)));
    }
  }
  for (const KeyInfo& key : section.keys) {
    if (key.section) append_section(page, below(path, key), *key.section);
  }
}

std::string line_of(const KeyInfo& key) {
  std::string line = key.name.empty() ? "<name>" : key.name;
  const std::string type = type_of(key);
  if (!type.empty()) line += fmt::format(" ({})", type);
  if (!key.text.what.empty()) line += "\n    " + key.text.what;
  if (!key.supported) return line + "\n    Not supported yet.";
  if (key.required) {
    line += "\n    Required.";
  } else if (!key.otherwise.empty()) {
    line += "\n    Default: " + key.otherwise;
  } else if (!key.text.absent.empty()) {
    line += "\n    Without it: " + key.text.absent;
  }
  if (!key.text.example.empty()) line += "\n    Example: " + key.text.example;
  return line;
}

}  // namespace

std::string reference_markdown(const SectionInfo& root, const std::string& title) {
  std::string page = fmt::format("# {}\n\n{}\n", title, root.what);
  append_section(page, "", root);
  return page;
}

std::string platform_reference() {
  return reference_markdown(*platform_section("").info(), "Platform file");
}

std::string explain_key(const std::string& path) {
  const auto root = platform_section("").info();
  KeyInfo key;
  key.name = "platform file";
  key.text.what = root->what;
  key.section = root;
  size_t start = 0;
  while (start < path.size()) {
    const size_t end = std::min(path.find('.', start), path.size());
    const std::string name = path.substr(start, end - start);
    if (!key.section) return {};
    const auto& keys = key.section->keys;
    auto found = std::ranges::find(keys, name, &KeyInfo::name);
    if (found == keys.end()) found = std::ranges::find(keys, std::string(), &KeyInfo::name);
    if (found == keys.end()) return {};
    key = KeyInfo(*found);
    start = end + 1;
  }
  std::string text = line_of(key) + "\n";
  if (key.section) {
    text += "\n";
    for (const KeyInfo& inner : key.section->keys) text += line_of(inner) + "\n";
  }
  return text;
}

}  // namespace freshet::config
