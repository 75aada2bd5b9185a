# What makes clang-tidy quick (a second a file instead of ten); tools/clang_tidy.py builds and uses it:
#   own_code_only    a plugin that keeps the checks out of outside headers
#   outside_headers  those headers, precompiled; every file reads this one, with the same definitions
string(REGEX MATCH "^[0-9]+" clang_major "${CMAKE_CXX_COMPILER_VERSION}")
find_path(CLANG_INCLUDE_DIR clang/Frontend/FrontendPluginRegistry.h REQUIRED NO_DEFAULT_PATH
          PATHS /usr/lib/llvm-${clang_major}/include)

add_library(own_code_only MODULE EXCLUDE_FROM_ALL tools/clang_tidy/own_code_only.cc)
target_include_directories(own_code_only SYSTEM PRIVATE ${CLANG_INCLUDE_DIR})
target_compile_options(own_code_only PRIVATE -fno-rtti)
set_target_properties(own_code_only PROPERTIES POSITION_INDEPENDENT_CODE ON PREFIX "" LIBRARY_OUTPUT_DIRECTORY
                      ${CMAKE_BINARY_DIR})

file(WRITE ${CMAKE_BINARY_DIR}/outside_headers.cc "")
add_library(outside_headers OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/outside_headers.cc)
target_link_libraries(outside_headers PRIVATE fmt::fmt spdlog::spdlog prometheus-cpp::core yaml-cpp Boost::headers
                      Boost::json simdjson::simdjson GTest::gmock benchmark::benchmark)
set_target_properties(outside_headers PROPERTIES DISABLE_PRECOMPILE_HEADERS OFF)
target_precompile_headers(
  outside_headers PRIVATE
  <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <deque> <expected> <filesystem> <fstream>
  <functional> <future> <map> <memory> <mutex> <optional> <random> <set> <span> <string> <thread> <unordered_map>
  <variant> <vector>
  <CLI/CLI.hpp> <benchmark/benchmark.h> <fmt/format.h> <fmt/ranges.h> <gmock/gmock.h> <gtest/gtest.h> <simdjson.h>
  <spdlog/spdlog.h> <yaml-cpp/yaml.h>
  <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
  <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp> <boost/asio/write.hpp>
  <boost/beast/core/basic_stream.hpp> <boost/beast/core/flat_buffer.hpp> <boost/beast/http/message.hpp>
  <boost/beast/http/parser.hpp> <boost/beast/http/read.hpp> <boost/beast/http/string_body.hpp>
  <boost/beast/http/write.hpp> <boost/json.hpp>)

add_custom_target(clang_tidy_aids DEPENDS own_code_only outside_headers)
