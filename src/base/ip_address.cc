#include "base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace freshet {

bool is_loopback_address(const std::string& text) {
  if (text == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_listen_address(const std::string& text) {
  in6_addr scratch{};
  return text == "localhost" || inet_pton(AF_INET, text.c_str(), &scratch) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &scratch) == 1;
}

}  // namespace freshet
