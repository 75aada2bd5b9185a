#include "io/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "base/ip_address.h"

namespace freshet::io {
namespace {

constexpr int kBacklog = 1024;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// None for what is no address.
std::optional<Address> parse_address(const std::string& text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  const std::string literal = text == "localhost" ? "127.0.0.1" : text;
  if (inet_pton(AF_INET, literal.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, literal.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

uint16_t bound_port(int fd) {
  Address address;
  address.length = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return 0;
  }
  if (address.storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
  }
  return ntohs(reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port);
}

Error port_error(std::string_view service, const std::string& address, uint16_t port, int code) {
  if (code == EADDRINUSE) {
    const std::string holder = find_port_holder(port);
    return Error(Errc::kAlreadyExists,
                 fmt::format("{} port {} is taken{}{}; stop that program, or shift all ports with "
                             "--port-offset N (0 takes free ones)",
                             service, port, holder.empty() ? "" : " by ", holder));
  }
  return errno_error(fmt::format("{} port {} on {} cannot be opened", service, port, address),
                     code);
}

// Inodes of the sockets that listen on `port`, from one of /proc/net/tcp{,6}. The format is in
// proc_net_tcp.txt of the kernel's documentation.
void collect_listeners(const char* file, uint16_t port, std::vector<std::string>& inodes) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);  // column names
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    unsigned value = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), value, 16);
    if (value == port) inodes.push_back("socket:[" + inode + "]");
  }
}

bool holds_one_of(const std::filesystem::path& process, const std::vector<std::string>& inodes) {
  std::error_code error;
  for (std::filesystem::directory_iterator fd(process / "fd", error), end; !error && fd != end;
       fd.increment(error)) {
    std::error_code unreadable;
    const auto target = std::filesystem::read_symlink(fd->path(), unreadable).string();
    for (const std::string& inode : inodes) {
      if (target == inode) return true;
    }
  }
  return false;
}

bool accepts_connections(const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

}  // namespace

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) ::close(fd_);
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

int ListeningSocket::release() { return std::exchange(fd_, -1); }

Result<ListeningSocket> listen_tcp(std::string_view service, const std::string& address,
                                   uint16_t port, Reach reach) {
  const auto parsed = parse_address(address, port);
  if (!parsed && reach == Reach::kAnywhere) {
    return fail(Errc::kInvalidArgument,
                "{} cannot listen on '{}': expected an IPv4 or IPv6 address, such as 0.0.0.0",
                service, address);
  }
  if (reach == Reach::kLoopback && !is_loopback_address(address)) {
    return fail(Errc::kRefused,
                "{} may not listen on '{}': it has no authentication and TLS yet, so only loopback "
                "is allowed; use 127.0.0.1 and a tunnel or proxy that checks who connects",
                service, address);
  }
  const int fd = ::socket(parsed->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(port_error(service, address, port, errno));
  ListeningSocket socket(fd, port);
  // Lets a restart bind while connections of the last run are in TIME_WAIT.
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&parsed->storage), parsed->length) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    return std::unexpected(port_error(service, address, port, errno));
  }
  return ListeningSocket(socket.release(), bound_port(fd));
}

Result<ListeningSocket> listen_unix(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalidArgument,
                "socket {}: the path has {} bytes, a unix socket may have {}; use a shorter path",
                name, name.size(), sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(errno_error("socket " + name, errno));
  ListeningSocket socket(fd, 0);
  // On Linux the file that bind() makes has the mode of the socket, so there is no moment at which
  // others may connect.
  ::fchmod(fd, S_IRUSR | S_IWUSR);
  const auto bind = [&] {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  if (!bind()) {
    if (errno != EADDRINUSE) return std::unexpected(errno_error("socket " + name, errno));
    if (accepts_connections(address)) {
      return fail(Errc::kAlreadyExists,
                  "socket {} is in use: another process serves it; stop it, or use another data "
                  "directory",
                  name);
    }
    ::unlink(name.c_str());
    if (!bind()) return std::unexpected(errno_error("socket " + name, errno));
  }
  if (::listen(fd, kBacklog) != 0) return std::unexpected(errno_error("socket " + name, errno));
  return socket;
}

std::string find_port_holder(uint16_t port) {
  std::vector<std::string> inodes;
  collect_listeners("/proc/net/tcp", port, inodes);
  collect_listeners("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return {};
  std::error_code error;
  for (std::filesystem::directory_iterator process("/proc", error), end; !error && process != end;
       process.increment(error)) {
    const std::string pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!holds_one_of(process->path(), inodes)) continue;
    std::ifstream in(process->path() / "comm");
    std::string command;
    std::getline(in, command);
    return fmt::format("pid {} ({})", pid, command);
  }
  return {};
}

}  // namespace freshet::io
