#include "api/control_server.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "api/control_socket.h"
#include "io/http_client.h"
#include "io/io_threads.h"
#include "io/worker_pool.h"

namespace freshet::api {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest()
      : directory_(fs::temp_directory_path() /
                   fmt::format("freshet-{}-{}", ::getpid(),
                               testing::UnitTest::GetInstance()->current_test_info()->name())),
        pool_({.name = "control", .threads = 2}),
        threads_("control", 1) {}
  ~ControlServerTest() override {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  fs::path directory_;
  io::WorkerPool pool_;
  io::IoThreads threads_;
};

TEST_F(ControlServerTest, passes_requests_to_the_handlers) {
  ControlHandlers handlers;
  handlers.sql = [](const SqlRequest& request, io::HttpBodyWriter& out) -> Result<void> {
    if (request.sql == "bad") return fail(Errc::kInvalidArgument, "syntax error near 'bad'");
    FRESHET_TRY(out.write(request.format + ":"));
    FRESHET_TRY(out.write(request.settings.at("max_threads") + ":"));
    return out.write(request.sql);
  };
  handlers.pipelines = [] { return Result<std::string>("[]"); };
  handlers.pipeline = [](const std::string& name) -> Result<std::string> {
    if (name != "rows") return fail(Errc::kNotFound, "there is no pipeline '{}'", name);
    return "{\"name\":\"rows\"}";
  };
  handlers.verify = [](const std::optional<std::string>& pipeline) {
    return Result<std::string>(pipeline.value_or("all"));
  };
  ControlServer server(threads_, pool_, handlers);
  server.route("GET", "/v1/extra",
               [](const io::HttpRequest&) { return io::HttpResponse{.body = "extra"}; });
  const auto started = server.start(directory_);
  ASSERT_TRUE(started) << started.error().message();
  auto client = io::HttpClient::unix_socket(*control_socket_path(directory_, false));

  EXPECT_EQ(client.request("POST", "/v1/sql?format=CSV&max_threads=2", "SELECT 1")->body,
            "CSV:2:SELECT 1");
  const auto bad = client.request("POST", "/v1/sql", "bad");
  EXPECT_EQ(bad->status, 400u);
  EXPECT_EQ(io::error_of_reply(*bad).message(), "syntax error near 'bad'");
  EXPECT_EQ(client.request("POST", "/v1/sql", "")->status, 400u);
  EXPECT_EQ(client.request("GET", "/v1/pipelines")->body, "[]");
  EXPECT_EQ(client.request("GET", "/v1/pipelines/rows")->body, "{\"name\":\"rows\"}");
  EXPECT_EQ(client.request("GET", "/v1/pipelines/none")->status, 404u);
  EXPECT_EQ(client.request("POST", "/v1/verify")->body, "all");
  EXPECT_EQ(client.request("POST", "/v1/verify?pipeline=rows")->body, "rows");
  EXPECT_EQ(client.request("GET", "/v1/extra")->body, "extra");
  const auto status = client.request("GET", "/v1/status");
  EXPECT_EQ(status->status, 501u);
  EXPECT_THAT(status->body, HasSubstr("not supported yet"));
}

TEST_F(ControlServerTest, is_for_its_owner_only_and_leaves_no_file) {
  ControlServer server(threads_, pool_, {});
  ASSERT_TRUE(server.start(directory_));
  const fs::path path = server.socket_path();
  EXPECT_THAT(path.string(), EndsWith("/state/control.sock"));
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  server.stop();
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ControlServerTest, finds_another_place_for_a_path_that_is_too_long) {
  const fs::path deep = directory_ / std::string(100, 'd') / std::string(50, 'e');
  ControlServer server(threads_, pool_, {});
  const auto started = server.start(deep);
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_LE(server.socket_path().native().size(), 107u);
  EXPECT_EQ(*control_socket_path(deep / "." / "", false), server.socket_path())
      << "however the directory is spelled";
  EXPECT_NE(*control_socket_path(deep.string() + "f", false), server.socket_path());
  auto client = io::HttpClient::unix_socket(server.socket_path());
  EXPECT_EQ(client.request("GET", "/v1/status")->status, 501u);
}

TEST(ControlSocketPath, does_not_depend_on_the_spelling) {
  const fs::path directory = fs::temp_directory_path();
  const auto plain = control_socket_path(directory / "data", false);
  EXPECT_EQ(*control_socket_path(directory / "x" / ".." / "data" / "", false), *plain);
}

}  // namespace
}  // namespace freshet::api
