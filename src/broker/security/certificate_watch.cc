#include "broker/security/certificate_watch.h"

#include <sys/stat.h>

#include <utility>

namespace freshet::broker {

CertificateWatch::CertificateWatch(io::TlsFiles files) : files_(std::move(files)), used_(state()) {}

CertificateWatch::State CertificateWatch::state() const {
  const auto look_at = [](const std::filesystem::path& path) -> FileState {
    struct stat info{};
    if (path.empty() || stat(path.c_str(), &info) != 0) return {};
    return {info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  };
  return {look_at(files_.certificate), look_at(files_.key), look_at(files_.client_ca)};
}

Result<std::shared_ptr<io::TlsContext>> CertificateWatch::look() {
  const State now = state();
  if (now == used_ || now == told_) return nullptr;
  auto context = io::TlsContext::load(files_);
  // Changed while it was read: what was read may be half old.
  if (state() != now) return nullptr;
  if (context) {
    used_ = now;
    failed_.reset();
    return context;
  }
  if (failed_ != now) {
    failed_ = now;
    return nullptr;
  }
  told_ = now;
  return context;
}

}  // namespace freshet::broker
