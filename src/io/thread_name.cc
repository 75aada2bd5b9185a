#include "io/thread_name.h"

#include <fmt/format.h>
#include <pthread.h>

#include <string>

namespace freshet::io {

void name_this_thread(std::string_view name, size_t index) {
  constexpr size_t kNameMax = 15;
  const std::string suffix = fmt::format("-{}", index);
  const std::string text = std::string(name.substr(0, kNameMax - suffix.size())) + suffix;
  pthread_setname_np(pthread_self(), text.c_str());
}

}  // namespace freshet::io
