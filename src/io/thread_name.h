// Names for threads, as ps, top and debuggers show them.
#pragma once

#include <cstddef>
#include <string_view>

namespace freshet::io {

/// "name-index" for the calling thread, cut to the 15 characters that Linux keeps.
void name_this_thread(std::string_view name, size_t index);

}  // namespace freshet::io
