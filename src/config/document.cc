#include "config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <utility>

namespace freshet::config {
namespace {

constexpr size_t kTextBytesMax = 16 * 1024 * 1024;  // of all scalars, aliases unfolded

// Thrown inside this file only, when reading on makes no sense; the problem is recorded already.
struct StopReading {};

std::string shorten(std::string_view text) {
  constexpr size_t kShownMax = 60;
  if (text.size() <= kShownMax) return std::string(text);
  size_t cut = kShownMax;
  while (cut > 0 && (static_cast<uint8_t>(text[cut]) & 0xc0) == 0x80) --cut;
  return std::string(text.substr(0, cut)) + "…";
}

SourcePosition position_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

// Line and column of a byte of the text.
SourcePosition position_at(std::string_view text, size_t offset) {
  SourcePosition at{1, 1};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      ++at.column;
    }
  }
  return at;
}

// Length of the UTF-8 sequence that starts the text, 0 if there is none (RFC 3629: no surrogates,
// no overlong forms).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (!follows(1)) return 0;
  if (lead < 0xe0) return 2;
  const uint8_t second = byte(1);
  if (lead == 0xe0 && second < 0xa0) return 0;
  if (lead == 0xed && second > 0x9f) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second > 0x8f) return 0;
  if (!follows(2)) return 0;
  if (lead < 0xf0) return 3;
  return follows(3) ? 4 : 0;
}

// First byte that a text file may not hold, npos if all is well.
size_t find_bad_byte(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f) return i;
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// YAML's flow style ends a plain value at '}' and ',', so `{ url: ${URL} }` would be no YAML. The
// special characters of variables are therefore masked by control characters, which the text cannot
// hold by itself (0x04 is yaml-cpp's own end mark), and put back in each scalar. Lengths and so
// positions stay.
constexpr std::string_view kSpecial = "{},[]:#\"'&*!|>%@`";
constexpr std::string_view kMasks =
    "\x01\x02\x03\x05\x06\x07\x08\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17";
static_assert(kSpecial.size() == kMasks.size());

std::string mask_variables(std::string_view text) {
  std::string masked(text);
  size_t start = masked.find("${");
  while (start != std::string::npos) {
    const size_t end = masked.find_first_of("}\n", start);
    if (end == std::string::npos) break;
    if (masked[end] == '}') {
      for (size_t i = start; i <= end; ++i) {
        const size_t special = kSpecial.find(masked[i]);
        if (special != std::string_view::npos) masked[i] = kMasks[special];
      }
    }
    start = masked.find("${", end);
  }
  return masked;
}

std::string unmask(std::string text) {
  for (char& c : text) {
    const size_t mask = kMasks.find(c);
    if (mask != std::string_view::npos) c = kSpecial[mask];
  }
  return text;
}

// Builds the tree from the parser's events. yaml-cpp's own tree is not used: it drops positions of
// keys, keeps duplicate keys and unfolds aliases without a limit.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view source, const Environment& environment, Problems& problems)
      : source_(source), environment_(environment), problems_(problems) {}

  [[nodiscard]] Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.at = position_of(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(position_of(mark), "an alias refers to itself; remove it");
    Node copy = found->second;
    copy.at = position_of(mark);
    count_copy(copy);
    add(std::move(copy), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& masked) override {
    const std::string value = unmask(masked);
    Node node;
    node.kind = Node::Kind::kScalar;
    node.at = position_of(mark);
    node.plain = tag == "?" || tag.empty();
    node.written = value;
    const bool is_key = !open_.empty() && open_.back().node.is_map() && !open_.back().key;
    node.text = is_key ? value : replace_variables(value, mark, node.unusable);
    count_text(node.at, node.text.size() + node.written.size());
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A map or list whose end has not come yet.
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::optional<std::string> key;  // of the value that comes next
    SourcePosition key_at;
    std::map<std::string, int> key_lines;
  };

  [[noreturn]] void stop(SourcePosition at, std::string message) {
    problems_.error(at, std::move(message));
    throw StopReading();
  }

  void count_node(SourcePosition at) {
    if (++nodes_ > kDocumentNodesMax) {
      stop(at, fmt::format("more than {} values; a platform file may not be larger",
                           kDocumentNodesMax));
    }
  }

  void count_text(SourcePosition at, size_t bytes) {
    text_bytes_ += bytes;
    if (text_bytes_ > kTextBytesMax) {
      stop(at, "more than 16MiB of text once aliases are unfolded; use fewer aliases");
    }
  }

  void count_copy(const Node& node) {
    count_node(node.at);
    count_text(node.at, node.text.size() + node.written.size());
    for (const Node& item : node.items) count_copy(item);
    for (const Node::Entry& entry : node.entries) {
      count_text(node.at, entry.key.size());
      count_copy(entry.value);
    }
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const SourcePosition at = position_of(mark);
    if (open_.size() >= kDocumentDepthMax) {
      stop(at, fmt::format("nested deeper than {} levels; no key of a platform file needs that",
                           kDocumentDepthMax));
    }
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().key) {
      stop(at, "a key is a map or a list; expected a name");
    }
    Node node;
    node.kind = kind;
    node.at = at;
    open_.push_back({std::move(node), anchor, std::nullopt, {}, {}});
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    count_node(node.at);
    if (anchor != YAML::NullAnchor) {
      count_copy(node);
      anchors_.insert_or_assign(anchor, node);
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (!node.is_scalar()) stop(node.at, "a key is missing before ':'; expected a name");
      parent.key = std::move(node.text);
      parent.key_at = node.at;
    } else {
      add_entry(parent, std::move(node));
    }
  }

  void add_entry(Open& parent, Node value) {
    std::string key = std::move(*parent.key);
    parent.key.reset();
    // An empty value has no place of its own: the parser says where the next token stands.
    if (value.kind == Node::Kind::kNull) value.at = parent.key_at;
    const auto [first, is_new] = parent.key_lines.emplace(key, parent.key_at.line);
    if (!is_new) {
      problems_.error(parent.key_at, fmt::format("{}: duplicate key, the first stands in line {}; "
                                                 "remove one of them",
                                                 shorten(key), first->second));
      return;
    }
    parent.node.entries.push_back({std::move(key), parent.key_at, std::move(value)});
  }

  std::string replace_variables(const std::string& value, const YAML::Mark& mark, bool& unusable);

  std::string_view source_;
  const Environment& environment_;
  Problems& problems_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
};

std::string TreeBuilder::replace_variables(const std::string& value, const YAML::Mark& mark,
                                           bool& unusable) {
  std::string out;
  size_t done = 0;
  size_t search_from = std::min(static_cast<size_t>(std::max(mark.pos, 0)), source_.size());
  const auto bad = [&](std::string_view written, std::string message) {
    // The place of the variable itself, found again in the file's own text.
    const size_t found = source_.find(written, search_from);
    problems_.error(
        found == std::string_view::npos ? position_of(mark) : position_at(source_, found),
        std::move(message));
    unusable = true;
  };
  while (true) {
    const size_t start = value.find("${", done);
    if (start == std::string::npos) break;
    if (start > done && value[start - 1] == '$') {
      out.append(value, done, start - 1 - done).append("${");
      done = start + 2;
      continue;
    }
    out.append(value, done, start - done);
    const size_t end = value.find('}', start);
    const std::string inside =
        value.substr(start + 2, end == std::string::npos ? std::string::npos : end - start - 2);
    const size_t split = inside.find(":-");
    const std::string name = inside.substr(0, split);
    const std::string written = "${" + shorten(name);
    if (end == std::string::npos || !is_variable_name(name)) {
      bad("${",
          fmt::format("{} is not a variable; write ${{NAME}} or ${{NAME:-default}}, or $${{ for "
                      "the two characters themselves",
                      shorten(std::string_view(value).substr(start))));
      return value;
    }
    const auto set = environment_(name);
    if (split != std::string::npos) {
      out += set && !set->empty() ? *set : inside.substr(split + 2);
    } else if (set) {
      out += *set;
    } else {
      bad("${" + name, fmt::format("{}}} is not set in the environment; set it, or give a default: "
                                   "{}:-value}}",
                                   written, written));
    }
    const size_t found = source_.find("${" + name, search_from);
    if (found != std::string_view::npos) search_from = found + 2;
    done = end + 1;
  }
  return out.append(value, done);
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &found->value;
}

std::string Node::describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  std::string shown = shorten(written.substr(0, written.find('\n')));
  return fmt::format("'{}'", shown);
}

std::optional<Node> parse_document(std::string_view text, const Environment& environment,
                                   Problems& problems) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.size() > kDocumentBytesMax) {
    problems.error({}, fmt::format("{} bytes; a platform file may have at most {}", text.size(),
                                   kDocumentBytesMax));
    return std::nullopt;
  }
  if (const size_t bad = find_bad_byte(text); bad != std::string_view::npos) {
    problems.error(position_at(text, bad),
                   fmt::format("byte 0x{:02x} is no text; a platform file is UTF-8 without control "
                               "characters",
                               static_cast<uint8_t>(text[bad])));
    return std::nullopt;
  }
  TreeBuilder builder(text, environment, problems);
  try {
    std::istringstream stream{mask_variables(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      problems.error({}, "the file is empty; the least it must say is: platform: a-name");
      return std::nullopt;
    }
    Node root = builder.take_root();
    TreeBuilder rest(text, environment, problems);
    if (parser.HandleNextDocument(rest)) {
      const Node second = rest.take_root();
      problems.error(second.at, "a second document begins here; a platform file has one");
    }
    return root;
  } catch (const StopReading&) {
    return std::nullopt;
  } catch (const YAML::Exception& failure) {
    problems.error(
        position_of(failure.mark),
        fmt::format("not valid YAML: {}; check the indentation, quotes and brackets here",
                    shorten(unmask(failure.msg))));
    return std::nullopt;
  }
}

}  // namespace freshet::config
