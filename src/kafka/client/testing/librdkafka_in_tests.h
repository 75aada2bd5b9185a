// Whether tests of this build can start a client of librdkafka.
#pragma once

#include <string_view>

namespace freshet::kafka {

/// Why a test that starts one has to skip itself; empty if it can run. librdkafka is C from another
/// house: it starts its threads with thrd_create, which ThreadSanitizer does not know, and the
/// first call that the sanitizer intercepts in such a thread ends the process.
#if __has_feature(thread_sanitizer)
inline constexpr std::string_view kNoLibrdkafka =
    "librdkafka starts C11 threads, which ThreadSanitizer does not see begin";
#else
inline constexpr std::string_view kNoLibrdkafka;
#endif

}  // namespace freshet::kafka
