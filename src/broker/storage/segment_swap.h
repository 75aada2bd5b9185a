// How compacted segments take the place of the ones they were made from, so that a crash at any
// moment leaves one or the other.
//
//   1  <base>.log.cleaned and its indexes are written and synced.     before 2: removed at the
//   start 2  They are renamed to .swap, the .log last.                      before: as 1
//      The directory is synced: from here on the swap is decided.     after: the start goes on with
//      3
//   3  The files of the other segments whose offsets it holds are removed.
//   4  They are renamed to their final names, the .log last, over those of the first segment. The
//      directory is synced.
//
// Invariant: between 2 and 4 <base>.log.swap is there, and its batches reach exactly as far as the
// segments that it replaces.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "base/error.h"
#include "broker/storage/disk.h"
#include "model/offset.h"

namespace freshet::broker {

inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";

/// Steps 2 to 4 for the segments that begin at `replaced`, in order; the first gives the name. All
/// four files of the cleaned segment must be there. After a failure from step 3 on, the directory
/// must not be changed by this process any more; the next start completes the swap.
Result<void> swap_in(Disk& disk, const std::filesystem::path& directory,
                     std::span<const Offset> replaced);
/// What a compaction that was given up leaves.
Result<void> remove_cleaned(Disk& disk, const std::filesystem::path& directory, Offset base);
/// At the start, before segments are opened: completes decided swaps, removes the rest.
Result<void> finish_swaps(Disk& disk, const std::filesystem::path& directory);

}  // namespace freshet::broker
