// Typed registration of the keys of one map in a platform file.
//
// Each key is registered once with its kind, bounds, description and example; its default is the
// value that the settings struct has by itself. Reading a file, its error messages and the
// reference page (config/reference.h) all derive from the registration.
//
//   Section<FlushSettings> flush("When a range is cut, whichever comes first.");
//   flush.key("rows", &FlushSettings::rows, count_kind(1, 10'000'000), {"Records.", "500_000"});
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/value_kind.h"

namespace freshet::config {

/// What is said about a key where it is registered.
struct KeyText {
  std::string what = {};     // a sentence
  std::string example = {};  // a value as it is written in a file
  std::string absent = {};   // what leaving it out means, where the default does not say it
};

struct SectionInfo;

/// Everything known about a key, for messages and the reference page.
struct KeyInfo {
  std::string name = {};  // empty: any name (a map from names to sections)
  std::string type = {};
  std::string expected = {};
  std::string otherwise = {};  // the default, as it would be written; empty if there is none
  KeyText text = {};
  bool required = false;
  bool supported = true;
  std::shared_ptr<const SectionInfo> section = {};  // of the value, if it is a map
};

struct SectionInfo {
  std::string what;
  std::vector<KeyInfo> keys;
};

/// A node and the path of keys that leads to it; every message goes through here.
class Place {
 public:
  Place(const Node& node, std::string path, Reading& reading)
      : node_(&node), path_(std::move(path)), reading_(&reading) {}

  [[nodiscard]] const Node& node() const { return *node_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Reading& reading() const { return *reading_; }
  [[nodiscard]] Place below(const std::string& key, const Node& node) const;
  /// At this node, "path: message".
  void error(const std::string& message) const { error(node_->at, message); }
  void error(SourcePosition at, const std::string& message) const;
  void warning(SourcePosition at, const std::string& message) const;

 private:
  const Node* node_;
  std::string path_;
  Reading* reading_;
};

/// Describes a key whose value is a map.
KeyInfo map_key(const std::string& name, std::shared_ptr<const SectionInfo> section, KeyText text);

namespace detail {
/// Reports what is wrong with a value that `kind` refused.
void report_bad_value(const Place& place, const KeyInfo& key, const std::string& explained);
/// Reports keys that are unknown or not supported yet, and required ones that are missing. False
/// if the node is no map.
bool check_keys(const Place& place, const SectionInfo& section);
/// False, after a message, if the node cannot be a single value.
bool is_usable_scalar(const Place& place, const KeyInfo& key);

template <class T>
struct OptionalOf {
  using type = T;
};
template <class T>
struct OptionalOf<std::optional<T>> {
  using type = T;
};
}  // namespace detail

/// Reads one scalar; none after a message.
template <class V>
std::optional<V> read_value(const Place& place, const KeyInfo& key, const ValueKind<V>& kind) {
  if (!detail::is_usable_scalar(place, key)) return std::nullopt;
  auto value = kind.parse(place.node().text);
  if (!value) {
    detail::report_bad_value(place, key, kind.explain ? kind.explain(place.node().text) : "");
  }
  return value;
}

template <class T>
class Section {
 public:
  using Reader = std::function<void(const Place&, T&)>;

  explicit Section(std::string what) : info_(std::make_shared<SectionInfo>()) {
    info_->what = std::move(what);
  }

  /// A single value; a member that is optional stays empty without the key.
  template <class M, class V = typename detail::OptionalOf<M>::type>
  Section& key(const std::string& name, M T::* member, ValueKind<V> kind, KeyText text) {
    KeyInfo info = describe(name, kind, std::move(text));
    if constexpr (std::is_same_v<M, V>) info.otherwise = kind.print(T{}.*member);
    return add(info, [info, member, kind = std::move(kind)](const Place& place, T& into) {
      auto value = read_value(place, info, kind);
      if (!value) return;
      if constexpr (std::is_same_v<M, V>) {
        into.*member = std::move(*value);
      } else {
        into.*member = std::move(value);
      }
    });
  }

  /// As key(), but leaving it out is an error.
  template <class V>
  Section& required_key(const std::string& name, V T::* member, ValueKind<V> kind, KeyText text) {
    KeyInfo info = describe(name, kind, std::move(text));
    info.required = true;
    return add(info, [info, member, kind = std::move(kind)](const Place& place, T& into) {
      if (auto value = read_value(place, info, kind)) into.*member = std::move(*value);
    });
  }

  /// A list of values, or one value without brackets.
  template <class V>
  Section& list(const std::string& name, std::vector<V> T::* member, ValueKind<V> kind,
                KeyText text, bool required = false) {
    KeyInfo info = describe(name, kind, std::move(text));
    KeyInfo list_info = info;
    list_info.type = "list of " + info.type;
    list_info.required = required;
    return add(list_info, [info, member, kind = std::move(kind)](const Place& place, T& into) {
      const auto read_one = [&](const Place& item) {
        if (auto value = read_value(item, info, kind)) {
          (into.*member).push_back(std::move(*value));
        }
      };
      if (!place.node().is_sequence()) return read_one(place);
      for (size_t i = 0; i < place.node().items.size(); ++i) {
        read_one(place.below(std::to_string(i + 1), place.node().items[i]));
      }
    });
  }

  /// A map whose keys fill a member of this struct.
  template <class M>
  Section& section(const std::string& name, M T::* member, Section<M> inner, KeyText text) {
    KeyInfo info = map_key(name, inner.info(), std::move(text));
    return custom(std::move(info), [member, inner = std::move(inner)](const Place& place, T& into) {
      inner.read(place, into.*member);
    });
  }

  /// A map whose keys fill this same struct.
  Section& section(const std::string& name, Section<T> inner, KeyText text) {
    KeyInfo info = map_key(name, inner.info(), std::move(text));
    return custom(std::move(info), [inner = std::move(inner)](const Place& place, T& into) {
      inner.read(place, into);
    });
  }

  /// A map from names to sections; M has members `name` and `at`.
  template <class M>
  Section& named(const std::string& name, std::vector<M> T::* member,
                 ValueKind<std::string> name_kind, Section<M> inner, KeyText text) {
    auto names = std::make_shared<SectionInfo>();
    names->what = inner.info()->what;
    names->keys.push_back({.type = name_kind.type,
                           .expected = name_kind.expected,
                           .text = {.what = inner.info()->what},
                           .section = inner.info()});
    KeyInfo info = map_key(name, names, std::move(text));
    return custom(std::move(info), [member, name_kind = std::move(name_kind),
                                    inner = std::move(inner)](const Place& place, T& into) {
      if (!place.node().is_map()) {
        return place.error("expected a map from names to their settings, found " +
                           place.node().describe());
      }
      for (const auto& [key, key_at, value] : place.node().entries) {
        const Place item = place.below(key, value);
        if (!name_kind.parse(key)) {
          item.error(key_at, "not a " + name_kind.type + "; expected " + name_kind.expected);
        }
        M settings;
        settings.name = key;
        settings.at = key_at;
        inner.read(item, settings);
        (into.*member).push_back(std::move(settings));
      }
    });
  }

  /// A key that is read by its own function.
  Section& custom(KeyInfo info, Reader read) { return add(std::move(info), std::move(read)); }

  /// A key of the interface that is not built: refused, never ignored.
  Section& not_yet(const std::string& name, const std::string& what) {
    return add({.name = name, .text = {.what = what}, .supported = false}, {});
  }

  /// Runs after all keys of the map were read, also when some had errors.
  Section& check(Reader rule) {
    rules_.push_back(std::move(rule));
    return *this;
  }

  [[nodiscard]] std::shared_ptr<const SectionInfo> info() const { return info_; }

  void read(const Place& place, T& into) const {
    if (detail::check_keys(place, *info_)) read_known(place, into);
  }

  /// For keys that stand in a map among those of another section, which has judged them all.
  void read_known(const Place& place, T& into) const {
    for (const auto& [name, read] : readers_) {
      const Node* value = place.node().find(name);
      if (value != nullptr && read) read(place.below(name, *value), into);
    }
    for (const Reader& rule : rules_) rule(place, into);
  }

 private:
  template <class V>
  static KeyInfo describe(const std::string& name, const ValueKind<V>& kind, KeyText text) {
    KeyInfo info{.name = name, .text = std::move(text)};
    info.type = kind.type;
    info.expected = kind.expected;
    return info;
  }
  Section& add(KeyInfo info, Reader read) {
    readers_.emplace_back(info.name, std::move(read));
    info_->keys.push_back(std::move(info));
    return *this;
  }

  std::shared_ptr<SectionInfo> info_;
  std::vector<std::pair<std::string, Reader>> readers_;
  std::vector<Reader> rules_;
};

}  // namespace freshet::config
