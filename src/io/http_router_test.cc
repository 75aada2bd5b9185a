#include "io/http_router.h"

#include <gmock/gmock.h>

namespace freshet::io {
namespace {

using testing::ElementsAre;
using testing::Pair;

HttpRouter example() {
  HttpRouter router;
  for (const auto& [method, pattern] :
       {std::pair("GET", "/"), std::pair("GET", "/p/{name}"), std::pair("GET", "/p/all"),
        std::pair("POST", "/p/{name}"), std::pair("GET", "/p/{name}/x/{id}")}) {
    router.add(method, pattern, [](const HttpRequest&) { return HttpResponse{}; }, nullptr);
  }
  return router;
}

TEST(HttpRouter, captures_segments_and_prefers_literals) {
  const HttpRouter router = example();
  EXPECT_THAT(router.find("GET", "/p/a%2Fb")->captures, ElementsAre(Pair("name", "a/b")));
  EXPECT_THAT(router.find("GET", "/p/all")->captures, ElementsAre());
  EXPECT_THAT(router.find("POST", "/p/all")->captures, ElementsAre(Pair("name", "all")));
  EXPECT_THAT(router.find("HEAD", "/p/n/x/7")->captures,
              ElementsAre(Pair("id", "7"), Pair("name", "n")));
}

TEST(HttpRouter, tells_an_unknown_path_from_an_unknown_method) {
  const HttpRouter router = example();
  EXPECT_EQ(router.find("GET", "/q").error().code(), Errc::kNotFound);
  EXPECT_EQ(router.find("GET", "/p/").error().code(), Errc::kNotFound);
  EXPECT_EQ(router.find("GET", "p").error().code(), Errc::kNotFound);
  EXPECT_EQ(router.find("GET", "/p/%x").error().code(), Errc::kInvalidArgument);
  const auto match = router.find("PUT", "/p/n");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route, nullptr);
  EXPECT_EQ(match->allowed, "GET, POST");
}

TEST(ReadTarget, splits_and_decodes) {
  HttpRequest request;
  ASSERT_TRUE(read_target("/v1/sql?format=J%53ON+x&empty&=&a=b=c&a=2", request));
  EXPECT_EQ(request.path, "/v1/sql");
  EXPECT_THAT(request.query, ElementsAre(Pair("", ""), Pair("a", "2"), Pair("empty", ""),
                                         Pair("format", "JSON x")));
  EXPECT_EQ(request.query_or("none", "otherwise"), "otherwise");
  EXPECT_FALSE(read_target("/?a=%4", request));
}

TEST(PercentEncode, round_trips_any_byte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
}

}  // namespace
}  // namespace freshet::io
