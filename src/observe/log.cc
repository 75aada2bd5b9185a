#include "observe/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>

#include "observe/repeat_limit.h"

namespace freshet {
namespace {

std::atomic<LogLevel> current_level{LogLevel::kWarn};
std::atomic<LogFormat> current_format{LogFormat::kText};

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "off";
}

void append_escaped(std::string& out, std::string_view text, bool json) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += json ? fmt::format("\\u{:04x}", byte) : fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, /*json=*/true);
  out += '"';
}

void append_text(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \"=\\") == std::string_view::npos &&
                     std::ranges::all_of(text, [](char c) {
                       return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
                     });
  if (plain) {
    out += text;
    return;
  }
  out += '"';
  append_escaped(out, text, /*json=*/false);
  out += '"';
}

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = since_epoch / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     since_epoch % 1000);
}

// Never destroyed: threads may still log while the process ends.
RepeatLimit& repeat_limit() {
  static auto* limit = new RepeatLimit;
  return *limit;
}

// One write() per line, so that lines of several threads and processes do not mix.
void write_line(const std::string& line) {
  static std::mutex* mutex = new std::mutex;
  const std::scoped_lock lock(*mutex);
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nowhere left to say it
    done += static_cast<size_t>(n);
  }
}

}  // namespace

void configure_logging(LogLevel level, LogFormat format) {
  current_level = level;
  current_format = format;
  repeat_limit().clear();
}

bool Logger::enabled(LogLevel level) {
  return level >= current_level.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

Logger Logger::with(std::string_view key, std::string_view value) const {
  Logger logger = *this;
  logger.prefix_text_ += ' ';
  logger.prefix_text_ += key;
  logger.prefix_text_ += '=';
  append_text(logger.prefix_text_, value);
  logger.prefix_json_ += ',';
  append_json(logger.prefix_json_, key);
  logger.prefix_json_ += ':';
  append_json(logger.prefix_json_, value);
  return logger;
}

void Logger::write(LogLevel level, std::string_view sentence, const Field* fields,
                   size_t count) const {
  uint64_t held_back = 0;
  if (level >= LogLevel::kWarn) {
    std::string key = fmt::format("{}{}|{}|{}", module_, prefix_text_, level_name(level), sentence);
    const auto admitted = repeat_limit().admit(std::move(key), std::chrono::steady_clock::now());
    if (!admitted) return;
    held_back = *admitted;
  }
  std::string line;
  line.reserve(256);
  if (current_format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    line += fmt::format(R"({{"time":"{}","level":"{}","module":)", timestamp(), level_name(level));
    append_json(line, module_);
    line += ",\"message\":";
    append_json(line, sentence);
    line += prefix_json_;
    for (size_t i = 0; i < count; ++i) {
      line += ',';
      append_json(line, fields[i].key);
      line += ':';
      append_json(line, fields[i].value);
    }
    if (held_back > 0) line += fmt::format(",\"suppressed\":{}", held_back);
    line += "}\n";
  } else {
    line += fmt::format("time={} level={} module=", timestamp(), level_name(level));
    append_text(line, module_);
    line += " message=";
    append_text(line, sentence);
    line += prefix_text_;
    for (size_t i = 0; i < count; ++i) {
      line += ' ';
      line += fields[i].key;
      line += '=';
      append_text(line, fields[i].value);
    }
    if (held_back > 0) line += fmt::format(" suppressed={}", held_back);
    line += '\n';
  }
  write_line(line);
}

}  // namespace freshet
