# Warnings, sanitizers, linker and cache for everything that is ours.
# The cache settings ride on the launcher, so that plain ninja has them too: precompiled headers need the
# sloppiness, and without base and working directory in the key a second clone or build tree hits as well. What a
# source depends on is taken from the compiler's own list (CCACHE_DEPEND), not from another run of the preprocessor.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_NOHASHDIR=1
      CCACHE_DEPEND=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# Options structs are filled by name, and what is not named keeps its default: no warning for that.
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wthread-safety -Wno-unused-command-line-argument
                    -Wno-missing-designated-field-initializers
                    -fno-omit-frame-pointer -fcolor-diagnostics -Xclang -fno-pch-timestamp)
add_link_options(-fuse-ld=lld)

if(FRESHET_SANITIZE)
  add_compile_options(-fsanitize=${FRESHET_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FRESHET_SANITIZE})
endif()
if(FRESHET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
