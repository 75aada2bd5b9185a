// Logging: one line of key=value (or JSON) on stderr per event. A Logger belongs to a module and is
// cheap to copy; a sentence is static text, what varies goes into kv().
//
//   static const Logger logger("broker.storage");
//   logger.warn("torn tail cut off", kv("partition", tp), kv("file", path), kv("bytes", n));
//
// Levels by what the operator must do: error = data lost or someone must act; warn = odd but
// recovered; info = life cycle; debug = per batch; trace = per request. Never payload bytes or
// keys. Safe from any thread.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace freshet {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat { kText, kJson };

/// Called once by main before any thread starts; until then warnings and errors go to stderr as
/// text.
void configure_logging(LogLevel level, LogFormat format);

template <class T>
struct KeyValue {
  std::string_view key;
  const T& value;
};
template <class T>
KeyValue<T> kv(std::string_view key, const T& value) {
  return {key, value};
}

class Logger {
 public:
  explicit Logger(std::string module) : module_(std::move(module)) {}
  /// A logger whose every line carries `key=value` too, such as a connection or a pipeline.
  [[nodiscard]] Logger with(std::string_view key, std::string_view value) const;

  template <class... T>
  void trace(std::string_view sentence, const KeyValue<T>&... fields) const {
    log(LogLevel::kTrace, sentence, fields...);
  }
  template <class... T>
  void debug(std::string_view sentence, const KeyValue<T>&... fields) const {
    log(LogLevel::kDebug, sentence, fields...);
  }
  template <class... T>
  void info(std::string_view sentence, const KeyValue<T>&... fields) const {
    log(LogLevel::kInfo, sentence, fields...);
  }
  template <class... T>
  void warn(std::string_view sentence, const KeyValue<T>&... fields) const {
    log(LogLevel::kWarn, sentence, fields...);
  }
  template <class... T>
  void error(std::string_view sentence, const KeyValue<T>&... fields) const {
    log(LogLevel::kError, sentence, fields...);
  }
  [[nodiscard]] static bool enabled(LogLevel level);

 private:
  struct Field {
    std::string_view key;
    std::string value;
  };
  template <class... T>
  void log(LogLevel level, std::string_view sentence, const KeyValue<T>&... fields) const {
    if (!enabled(level)) return;
    const Field list[] = {Field{fields.key, fmt::format("{}", fields.value)}..., Field{{}, {}}};
    write(level, sentence, list, sizeof...(fields));
  }
  void write(LogLevel level, std::string_view sentence, const Field* fields, size_t count) const;

  std::string module_;
  std::string prefix_text_;  // " key=value" of with(), already quoted
  std::string prefix_json_;  // ",\"key\":\"value\""
};

}  // namespace freshet
