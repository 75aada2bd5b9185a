# Warnings, sanitizers, linker and cache for everything that is ours.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wthread-safety -Wno-unused-command-line-argument
                    -fno-omit-frame-pointer -fcolor-diagnostics -Xclang -fno-pch-timestamp)
add_link_options(-fuse-ld=lld)

if(FRESHET_SANITIZE)
  add_compile_options(-fsanitize=${FRESHET_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FRESHET_SANITIZE})
endif()
if(FRESHET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
