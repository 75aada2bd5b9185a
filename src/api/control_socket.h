// Where the command line finds a running platform: a unix socket named by the data directory.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace freshet::api {

/// "<data_dir>/state/control.sock", or, when that is longer than a unix socket's name may be (107
/// bytes), "<runtime dir>/freshet-<hash of the data directory>.sock" where the runtime dir is
/// $XDG_RUNTIME_DIR, /run/user/<uid>, or /tmp/freshet-<uid> (made with mode 0700). The same
/// directory gives the same name in every process of a user, however the path is spelled.
/// `create` makes the parent directory; a directory in /tmp that belongs to another user is
/// kRefused.
Result<std::filesystem::path> control_socket_path(const std::filesystem::path& data_dir,
                                                  bool create);

}  // namespace freshet::api
