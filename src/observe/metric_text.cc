#include "observe/metric_text.h"

#include <fmt/format.h>

#include <iterator>

namespace freshet {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quoted) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

}  // namespace

void MetricText::family(std::string_view name, std::string_view help, MetricKind kind) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP {} ", name);
  append_escaped(out_, help, /*quoted=*/false);
  fmt::format_to(std::back_inserter(out_), "\n# TYPE {} {}\n", name,
                 kind == MetricKind::kCounter ? "counter" : "gauge");
}

void MetricText::begin_sample(std::initializer_list<Label> labels) {
  out_ += name_;
  char before = '{';
  for (const auto& [name, text] : labels) {
    out_ += before;
    out_ += name;
    out_ += "=\"";
    append_escaped(out_, text, /*quoted=*/true);
    out_ += '"';
    before = ',';
  }
  if (labels.size() > 0) out_ += '}';
}

void MetricText::sample(std::initializer_list<Label> labels, int64_t value) {
  begin_sample(labels);
  fmt::format_to(std::back_inserter(out_), " {}\n", value);
}

void MetricText::sample_real(std::initializer_list<Label> labels, double value) {
  begin_sample(labels);
  fmt::format_to(std::back_inserter(out_), " {}\n", value);
}

}  // namespace freshet
