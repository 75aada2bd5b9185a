#include "io/listen.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace freshet::io {
namespace {

using testing::HasSubstr;

std::filesystem::path temporary_socket(const std::string& name) {
  return std::filesystem::temp_directory_path() / fmt::format("freshet-{}-{}", ::getpid(), name);
}

TEST(ListenTcp, finds_a_free_port_for_zero) {
  const auto socket = listen_tcp("Kafka", "localhost", 0);
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_GT(socket->port(), 0);
}

TEST(ListenTcp, names_the_holder_of_a_taken_port_and_the_flag) {
  const auto first = listen_tcp("Kafka", "127.0.0.1", 0);
  ASSERT_TRUE(first);
  const auto second = listen_tcp("Kafka", "127.0.0.1", first->port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr(fmt::format("Kafka port {} is taken by pid {} (",
                                                              first->port(), ::getpid())));
  EXPECT_THAT(second.error().message(), HasSubstr("--port-offset"));
}

TEST(ListenTcp, refuses_addresses_that_others_can_reach) {
  for (const char* address : {"0.0.0.0", "::", "192.168.1.2", "example.org", "", "128.0.0.1"}) {
    const auto socket = listen_tcp("HTTP", address, 0);
    ASSERT_FALSE(socket) << address;
    EXPECT_EQ(socket.error().code(), Errc::kRefused);
    EXPECT_THAT(socket.error().message(), HasSubstr("no authentication and TLS"));
  }
}

TEST(ListenUnix, makes_a_socket_for_its_owner_only) {
  const auto path = temporary_socket("mode");
  const auto socket = listen_unix(path);
  ASSERT_TRUE(socket) << socket.error().message();
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  std::filesystem::remove(path);
}

TEST(ListenUnix, replaces_a_dead_socket_but_no_living_one) {
  const auto path = temporary_socket("dead");
  {
    ASSERT_TRUE(listen_unix(path));
  }  // leaves the file, as a killed process does
  const auto living = listen_unix(path);
  ASSERT_TRUE(living) << living.error().message();
  const auto second = listen_unix(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  std::filesystem::remove(path);
}

TEST(ListenUnix, says_when_the_path_is_too_long) {
  const auto socket = listen_unix("/tmp/" + std::string(200, 'x'));
  ASSERT_FALSE(socket);
  EXPECT_THAT(socket.error().message(), HasSubstr("a unix socket may have 107"));
}

}  // namespace
}  // namespace freshet::io
