#include "api/multipart_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::api {
namespace {

using ::testing::HasSubstr;

TEST(MultipartForm, finds_the_boundary) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data; charset=x; BOUNDARY=\"a b\""), "a b");
  EXPECT_EQ(form_boundary("text/plain; boundary=abc"), "");
  EXPECT_EQ(form_boundary("multipart/form-data"), "");
}

TEST(MultipartForm, reads_fields_and_files) {
  const std::string body =
      "--abc\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n"
      "--abc\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=data; "
      "filename=\"a;b\\\"\"\r\n\r\n\r\n--abc--\r\n";
  const auto parts = read_form(body, "abc");
  ASSERT_TRUE(parts) << parts.error().message();
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].name, "query");
  EXPECT_EQ((*parts)[0].value, "SELECT\r\n1");
  EXPECT_FALSE((*parts)[0].is_file);
  EXPECT_EQ((*parts)[1].name, "data");
  EXPECT_EQ((*parts)[1].value, "");
  EXPECT_TRUE((*parts)[1].is_file);
  EXPECT_TRUE(read_form("before\r\n--abc--", "abc")->empty());
}

TEST(MultipartForm, says_what_is_wrong) {
  for (const auto& [body, why] :
       {std::pair<std::string, std::string>{"", "boundary"},
        {"--abx\r\n", "boundary"},
        {"--abc", "line break"},
        {"--abc\r\nContent-Disposition: form-data; name=a\r\n\r\nx", "ends inside part 1"},
        {"--abc\r\nx\r\n--abc--", "end of its headers"},
        {"--abc\r\nContent-Disposition: form-data\r\n\r\nx\r\n--abc--", "no name"}}) {
    const auto parts = read_form(body, "abc");
    ASSERT_FALSE(parts) << body;
    EXPECT_THAT(parts.error().message(), HasSubstr(why));
  }
}

}  // namespace
}  // namespace freshet::api
