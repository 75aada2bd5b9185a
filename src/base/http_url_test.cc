#include "base/http_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet {
namespace {

using ::testing::HasSubstr;

constexpr HttpUrl::DefaultPorts kPorts{.plain = 8123, .tls = 8443};

TEST(HttpUrl, has_the_usual_ports_unless_it_says_another) {
  struct Case {
    const char* text;
    const char* display;
  };
  for (const Case& want : {Case{"http://ch", "http://ch:8123"},
                           Case{"https://ch.example.org", "https://ch.example.org:8443"},
                           Case{"https://ch:9/", "https://ch:9"},
                           Case{"http://10.0.0.1:80/proxy/ch/", "http://10.0.0.1:80/proxy/ch"},
                           Case{"http://[::1]:8123", "http://[::1]:8123"},
                           Case{"http://[fe80::1%25eth0]", "http://[fe80::1%25eth0]:8123"}}) {
    const auto url = HttpUrl::parse(want.text, kPorts);
    ASSERT_TRUE(url) << want.text << ": " << url.error().message();
    EXPECT_EQ(url->display(), want.display);
    EXPECT_EQ(HttpUrl::parse(url->display(), kPorts), *url);
  }
}

TEST(HttpUrl, what_is_none_is_refused_with_what_was_expected) {
  for (const char* text :
       {"", "ch:8123", "tcp://ch:9000", "http://", "http://:8123", "http://ch:0", "http://ch:70000",
        "http://ch:81x", "http://ch 1", "http://ch/?a=b", "http://ch/a b", "http://[::1",
        "http://[::1]8123", "http://ch\r\nX: y"}) {
    const auto url = HttpUrl::parse(text, kPorts);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), Errc::kInvalidArgument);
    EXPECT_THAT(url.error().message(), HasSubstr("expected http:// or https://"));
  }
  EXPECT_FALSE(HttpUrl::parse("http://" + std::string(5000, 'a'), kPorts));
}

TEST(HttpUrl, takes_no_password_and_does_not_repeat_it) {
  const auto url = HttpUrl::parse("https://app:sesame@ch", kPorts);
  ASSERT_FALSE(url);
  EXPECT_THAT(url.error().message(), HasSubstr("user and password"));
  EXPECT_THAT(url.error().message(), ::testing::Not(HasSubstr("sesame")));
}

}  // namespace
}  // namespace freshet
