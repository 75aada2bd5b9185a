// Sees that the files of the listener's certificate were renewed, as certbot, cert-manager and the
// like do, and reads them: no restart, and connections that are open stay as they are.
//
// The files are replaced one after the other, so what cannot be used is looked at once more before
// anything is said: a key that does not belong to its certificate yet, a file that is half there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "io/tls_context.h"

namespace freshet::broker {

/// One thread.
class CertificateWatch {
 public:
  /// What the files hold now is in use.
  explicit CertificateWatch(io::TlsFiles files);

  /// A context of what is new since the last one that could be used; nullptr: nothing to do. The
  /// error, once for each state of the files, names the file and what is wrong with it.
  Result<std::shared_ptr<io::TlsContext>> look();

 private:
  using FileState = std::tuple<uint64_t, int64_t, int64_t, int64_t>;  // inode, size, seconds, ns
  using State = std::array<FileState, 3>;
  [[nodiscard]] State state() const;

  io::TlsFiles files_;
  State used_;
  std::optional<State> failed_;  // could not be used when it was looked at first
  std::optional<State> told_;    // nor the second time, which was said
};

}  // namespace freshet::broker
