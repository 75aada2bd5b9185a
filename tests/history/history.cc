#include "history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace freshet::history {
namespace {

template <size_t N>
int index_in(const std::string_view (&names)[N], std::string_view name) {
  const auto* found = std::ranges::find(names, name);
  return found == std::end(names) ? -1 : static_cast<int>(found - std::begin(names));
}

}  // namespace

std::string to_line(const Event& event) {
  return fmt::format("{} {} {} {} {} {} {} {}", kKindNames[static_cast<size_t>(event.kind)],
                     kPhaseNames[static_cast<size_t>(event.phase)], event.process, event.place,
                     event.value, event.offset, event.transaction, event.flag ? 1 : 0);
}

Result<Event> from_line(std::string_view line) {
  std::istringstream in{std::string(line)};
  std::string kind;
  std::string phase;
  Event event;
  int flag = 0;
  in >> kind >> phase >> event.process >> event.place >> event.value >> event.offset >>
      event.transaction >> flag;
  const int kind_index = index_in(kKindNames, kind);
  const int phase_index = index_in(kPhaseNames, phase);
  if (!in || kind_index < 0 || phase_index < 0) {
    return fail(Errc::kCorrupt, "history line '{}': expected kind phase and six numbers", line);
  }
  event.kind = static_cast<Kind>(kind_index);
  event.phase = static_cast<Phase>(phase_index);
  event.flag = flag != 0;
  return event;
}

Result<std::vector<Event>> read_history(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(Errc::kIo, "history {}: cannot be opened", path);
  std::vector<Event> events;
  for (std::string line; std::getline(in, line);) {
    FRESHET_ASSIGN_CONTEXT(auto event, from_line(line), "{}:{}", path, events.size() + 1);
    events.push_back(event);
  }
  return events;
}

Result<std::unique_ptr<Recorder>> Recorder::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return std::unexpected(errno_error("open history " + path, errno));
  return std::unique_ptr<Recorder>(new Recorder(file));
}

void Recorder::add(const Event& event) {
  const auto line = to_line(event) + "\n";
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
  std::fwrite(line.data(), 1, line.size(), file_.get());
}

std::vector<Event> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  std::fflush(file_.get());
  return events_;
}

size_t Recorder::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

}  // namespace freshet::history
