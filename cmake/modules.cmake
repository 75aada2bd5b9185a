# freshet_module(NAME DEPS <modules above it> LIBS <outside libraries> [PCH <precompiled headers>] [SHARDS <n>]
#                [PROGRAM <sources or patterns below src/NAME>])
#
# Makes library freshet_NAME from every .cc below src/NAME, and from the files beside them
#   *_test.cc   one test program NAME_test (GoogleTest); its cases run in SHARDS processes, for they are long
#               files that include a testing/engine_fixture.h load libchdb, which no sanitizer stands: their
#               engine cases skip themselves in sanitizer builds, and make NAME_engine_test in all others
#   *_bench.cc  one benchmark program NAME_bench (Google Benchmark), run once in tiny mode as a test
#   *_fuzz.cc   one fuzz program each; a plain main replays tests/fuzz/<target>/ as a test
# What PROGRAM names is not of the library: the caller makes a program of NAME_program. No test links it, so the
# build of the tests (target unit_tests) does without.
# Layering: a module may link only modules before it in FRESHET_LAYERS, and the four siblings
# source, decode, transform, sink never link each other. tools/check_layers.py holds the includes to the same.

set(FRESHET_LAYERS base model observe config io kafka broker registry warehouse source decode transform
                   sink pipeline jobs api app)
set(FRESHET_SIBLINGS source decode transform sink)

function(freshet_check_edge from to)
  list(FIND FRESHET_LAYERS ${from} from_rank)
  list(FIND FRESHET_LAYERS ${to} to_rank)
  if(to_rank LESS 0 OR from_rank LESS 0)
    message(FATAL_ERROR "layering: unknown module in edge ${from} -> ${to}")
  endif()
  if(NOT to_rank LESS from_rank)
    message(FATAL_ERROR "layering: module ${from} may not link ${to}: ${to} is not above it")
  endif()
  if(from IN_LIST FRESHET_SIBLINGS AND to IN_LIST FRESHET_SIBLINGS)
    message(FATAL_ERROR "layering: ${from} and ${to} are siblings; they meet in pipeline through model values")
  endif()
endfunction()

add_custom_target(engine_tests)  # every NAME_engine_test
add_custom_target(unit_tests)    # every other test program, benchmark and fuzz target

# Runs `program` as the test LABEL.NAME; what became of its cases stands in test-cases/ of the build. Tests in shards
# begin before the others, so that no long one is left over at the end.
function(freshet_add_gtest label name program shards)
  math(EXPR last "${shards} - 1")
  add_dependencies(${label}_tests ${program})
  foreach(shard RANGE ${last})
    set(test ${label}.${name})
    if(last)
      string(APPEND test .${shard})
    endif()
    add_test(NAME ${test}
             COMMAND ${program} --gtest_brief=1 --gtest_output=xml:${CMAKE_BINARY_DIR}/test-cases/${test}.xml
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 900 COST ${last} ENVIRONMENT
                                            "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

function(freshet_module name)
  cmake_parse_arguments(ARG "" "SHARDS" "DEPS;LIBS;PCH;PROGRAM" ${ARGN})
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(engine_tests "")
  foreach(test IN LISTS tests)
    file(STRINGS ${test} uses_engine REGEX "#include \"[a-z/]*engine_fixture\\.h\"" LIMIT_COUNT 1)
    if(uses_engine)
      list(APPEND engine_tests ${test})
    endif()
  endforeach()
  if(engine_tests AND NOT FRESHET_SANITIZE)
    list(REMOVE_ITEM tests ${engine_tests})
  endif()
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|_fuzz)\\.cc$")
  if(ARG_PROGRAM)
    list(TRANSFORM ARG_PROGRAM PREPEND ${dir}/)
    file(GLOB program CONFIGURE_DEPENDS ${ARG_PROGRAM})
    list(REMOVE_ITEM sources ${program})
    set(${name}_program ${program} PARENT_SCOPE)
  endif()

  set(deps "")
  foreach(dep IN LISTS ARG_DEPS)
    freshet_check_edge(${name} ${dep})
    list(APPEND deps freshet_${dep})
  endforeach()

  if(sources)
    add_library(freshet_${name} STATIC ${sources})
    target_include_directories(freshet_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(freshet_${name} PUBLIC ${deps} ${ARG_LIBS})
    if(ARG_PCH)
      freshet_precompiled(freshet_${name} ${ARG_PCH})
    elseif(NOT FRESHET_SANITIZE)
      freshet_precompiled(freshet_${name} outside_headers)
    endif()
  else()
    add_library(freshet_${name} INTERFACE)
    target_include_directories(freshet_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(freshet_${name} INTERFACE ${deps} ${ARG_LIBS})
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE freshet_${name} GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE -O0)  # code that runs once: compiling it takes a third
    freshet_precompiled(${name}_test outside_headers_of_tests)
    freshet_add_gtest(unit ${name} ${name}_test ${ARG_SHARDS})
  endif()
  if(engine_tests AND NOT FRESHET_SANITIZE)
    add_executable(${name}_engine_test ${engine_tests})
    target_link_libraries(${name}_engine_test PRIVATE freshet_${name} GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_engine_test PRIVATE -O0)  # code that runs once: compiling it takes a third
    freshet_precompiled(${name}_engine_test outside_headers_of_tests)
    freshet_add_gtest(engine ${name} ${name}_engine_test ${ARG_SHARDS})
  endif()
  if(benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE freshet_${name} benchmark::benchmark_main)
    add_dependencies(unit_tests ${name}_bench)
    add_test(NAME bench_smoke.${name} COMMAND ${name}_bench --benchmark_min_time=0.001
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(bench_smoke.${name} PROPERTIES LABELS bench TIMEOUT 900)
  endif()
  foreach(fuzzer IN LISTS fuzzers)
    get_filename_component(target ${fuzzer} NAME_WE)
    if(FRESHET_FUZZ)
      add_executable(${target} ${fuzzer})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${target} ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    endif()
    target_link_libraries(${target} PRIVATE freshet_${name})
    add_dependencies(unit_tests ${target})
    add_test(NAME fuzz_seeds.${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/${target}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(fuzz_seeds.${target} PROPERTIES LABELS fuzz TIMEOUT 600)
  endforeach()
endfunction()
