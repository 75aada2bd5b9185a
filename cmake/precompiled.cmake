# Outside headers that most sources read, precompiled once for all modules (parsing them is a third of a build).
#
# Without sanitizers everything reads them. With sanitizers only tests do (and modules that ask by PCH): there each
# library source is compiled as it stands, so that the header which it includes first is seen to compile alone
# (tools/check_headers.py).
set(outside_headers
    <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <deque> <expected> <filesystem> <fstream>
    <functional> <future> <map> <memory> <mutex> <optional> <random> <set> <span> <string> <thread> <unordered_map>
    <variant> <vector> <fmt/format.h> <fmt/ranges.h> <spdlog/spdlog.h>
    <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
    <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp> <boost/asio/write.hpp>)
set(outside_headers_of_tests ${outside_headers} <gmock/gmock.h> <gtest/gtest.h>)
set(outside_definitions $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>
                        $<TARGET_PROPERTY:spdlog::spdlog,INTERFACE_COMPILE_DEFINITIONS>)

file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cc "")
foreach(headers outside_headers outside_headers_of_tests)
  add_library(precompiled_${headers} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_compile_definitions(precompiled_${headers} PRIVATE ${outside_definitions})
  target_precompile_headers(precompiled_${headers} PRIVATE ${${headers}})
endforeach()
target_link_libraries(precompiled_outside_headers_of_tests PRIVATE GTest::gmock)
target_compile_options(precompiled_outside_headers_of_tests PRIVATE -O0)

# Gives `target` those headers; all that read one precompiled header must agree on its definitions.
function(freshet_precompiled target headers)
  target_compile_definitions(${target} PRIVATE ${outside_definitions})
  target_precompile_headers(${target} REUSE_FROM precompiled_${headers})
endfunction()
