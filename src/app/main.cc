#include <malloc.h>

#include "app/command_line.h"

namespace {

// Blocks of a range and columns of a batch are tens of megabytes and come and go. glibc would move
// its thresholds up to their size and keep them on its heaps; mapped one by one, they leave the
// process when they are freed. Few heaps, because each keeps its own spare memory.
void give_large_memory_back() {
  constexpr int kMapFrom = 4 << 20;
  constexpr int kHeapsMax = 4;
  ::mallopt(M_MMAP_THRESHOLD, kMapFrom);
  ::mallopt(M_TRIM_THRESHOLD, kMapFrom);
  ::mallopt(M_ARENA_MAX, kHeapsMax);
}

}  // namespace

int main(int argc, char** argv) {
  give_large_memory_back();
  return freshet::app::run_command_line(argc, argv);
}
