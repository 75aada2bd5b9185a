# Outside headers that most sources read, precompiled once for all modules (parsing them is a third of a build).
#
# Without sanitizers everything reads them. With sanitizers only tests do (and modules that ask by PCH): there each
# library source is compiled as it stands, so that the header which it includes first is seen to compile alone
# (tools/check_headers.py).
#
# Not by CMake's target_precompile_headers: its command and its result hold the path of the clone, and the compiler
# cache of one clone would be of no use to the next. Here no file but system headers goes in, and sources name the
# result relative to the build tree: the bytes are the same wherever they are made.
set(outside_headers
    algorithm array atomic charconv chrono condition_variable deque expected filesystem fstream functional future map
    memory mutex optional random set span string thread unordered_map variant vector fmt/format.h fmt/ranges.h
    spdlog/spdlog.h boost/asio/awaitable.hpp boost/asio/co_spawn.hpp boost/asio/io_context.hpp boost/asio/ip/tcp.hpp
    boost/asio/steady_timer.hpp boost/asio/use_awaitable.hpp boost/asio/write.hpp)
set(outside_definitions $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>
                        $<TARGET_PROPERTY:spdlog::spdlog,INTERFACE_COMPILE_DEFINITIONS>)
separate_arguments(own_flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
get_directory_property(own_options COMPILE_OPTIONS)
# What is precompiled is the list of -include, and a file to hang it on. Not /dev/null: the compiler cache wants a
# regular file, or it answers nothing without a run of the preprocessor. Not one of ours: its path would go in.
# This one every compilation reads anyway.
set(outside_header_without_content /usr/include/stdc-predef.h)

# Makes build/<preset>/<name>.pch of the outside headers and those named, compiled with OPTIONS added to our own.
function(freshet_precompiled_header name)
  cmake_parse_arguments(ARG "" "" "HEADERS;OPTIONS" ${ARGN})
  set(includes "")
  foreach(header IN LISTS outside_headers ARG_HEADERS)
    list(APPEND includes -include ${header})
  endforeach()
  set(definitions "$<REMOVE_DUPLICATES:${outside_definitions}>")
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/${name}.pch
    COMMAND ${CMAKE_CXX_COMPILER} "$<$<BOOL:${definitions}>:-D$<JOIN:${definitions},;-D>>" ${own_flags} ${own_options}
            ${ARG_OPTIONS} -std=c++2b -fpch-instantiate-templates ${includes} -MD -MF ${name}.pch.d -MT ${name}.pch
            -x c++-header ${outside_header_without_content} -o ${name}.pch
    DEPFILE ${name}.pch.d
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    COMMENT "Precompiling ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(precompile_${name} DEPENDS ${CMAKE_BINARY_DIR}/${name}.pch)
endfunction()

freshet_precompiled_header(outside_headers)
freshet_precompiled_header(outside_headers_of_commands HEADERS CLI/CLI.hpp)
freshet_precompiled_header(outside_headers_of_tests HEADERS gmock/gmock.h gtest/gtest.h
                           OPTIONS -O0 -DGTEST_HAS_PTHREAD=1)

# Gives `target` those headers; all that read one precompiled header must agree on its definitions and options.
function(freshet_precompiled target name)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    return()
  endif()
  target_compile_definitions(${target} PRIVATE ${outside_definitions})
  target_compile_options(${target} PRIVATE "SHELL:-include-pch ${name}.pch")
  add_dependencies(${target} precompile_${name})
  get_target_property(sources ${target} SOURCES)
  set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/${name}.pch)
endfunction()
