#include "source/file/file_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <span>

#include "base/endian.h"
#include "source/file/csv.h"
#include "source/file/file_cursor.h"
#include "source/file/json_field.h"

namespace freshet::source {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "file_source.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileSourceTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(std::string_view name) const {
    return (directory_ / name).string();
  }
  void write(std::string_view name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary | std::ios::trunc) << bytes;
  }
  void append(std::string_view name, std::string_view bytes) const {
    std::ofstream(path(name), std::ios::binary | std::ios::app) << bytes;
  }
  [[nodiscard]] FileSourceSettings at(std::string_view name) const { return {.path = path(name)}; }

 private:
  std::filesystem::path directory_;
};

/// Events until the source is idle, at its end, or fails; "key=value" each, and the error last.
std::vector<std::string> read_all(FileSource& source) {
  std::vector<std::string> lines;
  while (true) {
    SourceEvent event;
    const auto status = source.read(event);
    if (!status) {
      lines.push_back("error: " + status.error().message());
      return lines;
    }
    if (*status != ReadStatus::kEvent) return lines;
    lines.push_back(event.key ? fmt::format("{}={}", *event.key, event.value)
                              : std::string(event.value));
  }
}

std::vector<std::string> read_all(const FileSourceSettings& settings) {
  auto source = FileSource::create(settings);
  if (!source) return {"error: " + source.error().message()};
  return read_all(**source);
}

std::string deflated(std::string_view text, int window) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd_frame(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string zipped(std::string_view name, std::string_view text) {
  const auto data = deflated(text, -15);
  const auto crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
  const auto le = [](auto value) {
    std::string bytes(sizeof value, '\0');
    store_le(bytes.data(), value);
    return bytes;
  };
  const auto common = le(uint16_t{20}) + le(uint16_t{0}) + le(uint16_t{8}) + le(uint32_t{0}) +
                      le(crc) + le(static_cast<uint32_t>(data.size())) +
                      le(static_cast<uint32_t>(text.size())) +
                      le(static_cast<uint16_t>(name.size())) + le(uint16_t{0});
  std::string zip = "PK\3\4" + common + std::string(name) + data;
  const auto directory_begin = static_cast<uint32_t>(zip.size());
  zip += "PK\1\2" + le(uint16_t{20}) + common + le(uint16_t{0}) + le(uint16_t{0}) +
         le(uint16_t{0}) + le(uint32_t{0}) + le(uint32_t{0}) + std::string(name);
  const auto directory_size = static_cast<uint32_t>(zip.size()) - directory_begin;
  zip += "PK\5\6" + le(uint32_t{0}) + le(uint16_t{1}) + le(uint16_t{1}) + le(directory_size) +
         le(directory_begin) + le(uint16_t{0});
  return zip;
}

TEST_F(FileSourceTest, reads_json_lines_as_they_are) {
  write("a.jsonl", "{\"a\":1}\n\n  \n{\"b\":2}\r\nnot json\n{\"half\":3}");
  EXPECT_THAT(read_all(at("a.jsonl")),
              ElementsAre(R"({"a":1})", R"({"b":2})", "not json", R"({"half":3})"));
}

TEST_F(FileSourceTest, takes_keys_from_a_field) {
  write("a.jsonl",
        "{\"x\":{\"id\":9},\"id\":\"u\\u00e9\"}\n{\"id\":7,\"y\":[1,{\"id\":8}]}\n{\"y\":\"id\"}\n"
        "{\"id\":null}\nbroken\n");
  auto settings = at("a.jsonl");
  settings.key = "id";
  EXPECT_THAT(read_all(settings), ElementsAre("ué={\"x\":{\"id\":9},\"id\":\"u\\u00e9\"}",
                                              R"(7={"id":7,"y":[1,{"id":8}]})", R"({"y":"id"})",
                                              R"({"id":null})", "broken"));
}

TEST_F(FileSourceTest, publishes_csv_rows_as_objects) {
  write("f.csv",
        "\xEF\xBB\xBFname,n,x,tail\r\n"
        "\"Smith, \"\"J\"\"\",1,-2.5e3,007\r\n"
        "\"two\nlines\",NA,1e999,\"NA\"\n"
        ",01,NaN,12\n"
        "last,-0,.5,+1");
  auto settings = at("f.csv");
  settings.nulls = {"NA"};
  settings.text = {"tail"};
  settings.key = "name";
  EXPECT_THAT(read_all(settings),
              ElementsAre(R"(Smith, "J"={"name":"Smith, \"J\"","n":1,"x":-2.5e3,"tail":"007"})",
                          "two\nlines={\"name\":\"two\\nlines\",\"n\":null,\"x\":\"1e999\","
                          "\"tail\":\"NA\"}",
                          R"(={"name":"","n":"01","x":"NaN","tail":"12"})",
                          R"(last={"name":"last","n":-0,"x":".5","tail":"+1"})"));
}

TEST_F(FileSourceTest, a_bad_line_stops_with_its_place_or_is_counted) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a,b\n1,2\n3\n4,5\n", "f.csv:3: 1 fields, and the header row has 2"},
      {"a,b\n1,2\n\"x\"y,3\n4,5\n", "f.csv:3: column 1: text behind a closing quote"},
      {"a,b\n1,2\nx\"y,3\n4,5\n", "f.csv:3: column 1: a quote inside an unquoted field"},
  };
  for (const auto& [text, message] : cases) {
    write("f.csv", text);
    auto settings = at("f.csv");
    auto lines = read_all(settings);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_THAT(lines[1], HasSubstr(message));
    settings.on_bad_line = BadLinePolicy::kSkip;
    auto source = FileSource::create(settings).value();
    EXPECT_THAT(read_all(*source), ElementsAre(R"({"a":1,"b":2})", R"({"a":4,"b":5})"));
    EXPECT_EQ(source->bad_lines(), 1U);
  }
  write("g.csv", "a,a\n1,2\n");
  EXPECT_THAT(read_all(at("g.csv"))[0], HasSubstr("g.csv:1: header row: column 2"));
}

TEST_F(FileSourceTest, a_source_that_stopped_at_a_bad_line_goes_on_with_skip) {
  write("f.csv", "a,b\n1,2\n3\n4,5\n");
  auto settings = at("f.csv");
  auto stopped = FileSource::create(settings).value();
  SourceEvent event;
  ASSERT_EQ(stopped->read(event).value(), ReadStatus::kEvent);
  const auto refused = stopped->read(event);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("set on_bad_line: skip"));
  settings.on_bad_line = BadLinePolicy::kSkip;
  auto source = FileSource::create(settings).value();
  EXPECT_EQ(source->fingerprint(), stopped->fingerprint());
  ASSERT_TRUE(source->seek(stopped->position()));
  EXPECT_THAT(read_all(*source), ElementsAre(R"({"a":4,"b":5})"));
}

TEST_F(FileSourceTest, a_line_over_the_limit_is_an_error_with_its_place) {
  write("a.jsonl", "{}\n" + std::string(2'000'000, 'x') + "\n{\"after\":1}\n");
  auto settings = at("a.jsonl");
  const auto lines = read_all(settings);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[1], HasSubstr("a.jsonl:2: the line is longer than the 1048576 bytes"));
  settings.on_bad_line = BadLinePolicy::kSkip;
  EXPECT_THAT(read_all(settings), ElementsAre("{}", R"({"after":1})"));
}

TEST_F(FileSourceTest, reads_compressed_files) {
  std::string text = "n,t\n";
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{},row {}\n", i, i);
  const auto half = text.find('\n', text.size() / 2) + 1;
  write("a.csv.gz", deflated(text.substr(0, half), 31) + deflated(text.substr(half), 31));
  write("a.csv.zst", zstd_frame(text.substr(0, half)) + zstd_frame(text.substr(half)));
  write("a.csv.zip", zipped("a.csv", text));
  for (const auto* name : {"a.csv.gz", "a.csv.zst", "a.csv.zip"}) {
    const auto lines = read_all(at(name));
    ASSERT_EQ(lines.size(), 50'000U) << name << lines.back();
    EXPECT_EQ(lines.back(), R"({"n":49999,"t":"row 49999"})");
  }
}

TEST_F(FileSourceTest, damaged_compressed_files_are_errors) {
  std::string text = "n\n";
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{}\n", i * 7919);
  const std::pair<std::string_view, std::string> files[] = {{"a.csv.gz", deflated(text, 31)},
                                                            {"a.csv.zst", zstd_frame(text)}};
  for (const auto& [name, bytes] : files) {
    write(name, bytes.substr(0, bytes.size() / 2));
    EXPECT_THAT(read_all(at(name)).back(), HasSubstr("damaged or cut short")) << name;
    auto flipped = bytes;
    flipped[flipped.size() / 2] ^= 0x55;
    write(name, flipped);
    EXPECT_THAT(read_all(at(name)).back(), HasSubstr("error: ")) << name;
  }
  write("a.csv.zip", "PK not really");
  EXPECT_THAT(read_all(at("a.csv.zip")).back(), HasSubstr("not a whole zip archive"));
}

TEST_F(FileSourceTest, reads_a_glob_in_name_order) {
  write("b.jsonl", "3\n");
  write("a.jsonl", "1\n2");
  write("c.txt", "no\n");
  EXPECT_THAT(read_all(at("*.jsonl")), ElementsAre("1", "2", "3"));
  EXPECT_THAT(read_all(at("none*")).front(), HasSubstr("nothing matches"));
}

TEST_F(FileSourceTest, goes_on_from_every_position) {
  std::string csv = "k,v\n";
  for (int i = 0; i < 40; ++i) csv += fmt::format("key{},\"line {}\nmore\"\n", i, i);
  write("a.csv", csv);
  write("b.csv.gz", deflated("k,v\nx,1\ny,2\n", 31));
  write("c.csv", "k,v\nz,3");
  auto settings = at("?.csv*");
  settings.key = "k";
  const auto expected = read_all(settings);
  ASSERT_EQ(expected.size(), 43U);
  auto source = FileSource::create(settings).value();
  for (size_t i = 0; i <= expected.size(); ++i) {
    const auto position = source->position();
    EXPECT_EQ(position.next, i);
    auto resumed = FileSource::create(settings).value();
    ASSERT_TRUE(resumed->seek(position));
    const auto rest = read_all(*resumed);
    ASSERT_TRUE(std::ranges::equal(rest, std::span(expected).subspan(i))) << i;
    SourceEvent event;
    const auto status = source->read(event).value();
    if (status == ReadStatus::kEvent) {
      source->unread();
      EXPECT_EQ(source->position().next, i);
      ASSERT_TRUE(source->seek(source->position()));
      EXPECT_EQ(source->read(event).value(), ReadStatus::kEvent);
    }
  }
}

TEST_F(FileSourceTest, refuses_to_go_on_in_other_files) {
  write("a.jsonl", "1\n2\n3\n");
  write("b.jsonl", "4\n");
  const auto settings = at("*.jsonl");
  auto source = FileSource::create(settings).value();
  SourceEvent event;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(source->read(event));
  const auto position = source->position();
  const auto refusal = [&] {
    return FileSource::create(settings).value()->seek(position).error().message();
  };
  write("a.jsonl", "1\n9\n3\n");
  EXPECT_THAT(refusal(), HasSubstr("does not begin as it did"));
  write("a.jsonl", "1\n");
  EXPECT_THAT(refusal(), HasSubstr("does not begin as it did"));
  std::filesystem::rename(path("a.jsonl"), path("z.jsonl"));
  EXPECT_THAT(refusal(), HasSubstr("the files are not those that were read before: a.jsonl"));
}

TEST_F(FileSourceTest, a_long_file_that_was_cut_is_noticed) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("line {}\n", i);
  write("a.jsonl", text);
  auto source = FileSource::create(at("a.jsonl")).value();
  read_all(*source);
  const auto position = source->position();
  write("a.jsonl", text.substr(0, 10'000));
  EXPECT_THAT(FileSource::create(at("a.jsonl")).value()->seek(position).error().message(),
              HasSubstr("cut to 10000 bytes"));
}

TEST_F(FileSourceTest, follows_lines_and_files_as_they_come) {
  auto settings = at("*.log");
  settings.follow = true;
  auto source = FileSource::create(settings).value();
  EXPECT_THAT(read_all(*source), IsEmpty());
  write("1.log", "a\nb\nhal");
  EXPECT_THAT(read_all(*source), ElementsAre("a", "b"));
  EXPECT_THAT(read_all(*source), IsEmpty());
  append("1.log", "f\nc\n");
  EXPECT_THAT(read_all(*source), ElementsAre("half", "c"));
  append("1.log", "d\ne");
  write("2.log", "f\n");
  EXPECT_THAT(read_all(*source), ElementsAre("d", "e", "f"));
  append("2.log", "g\n");
  EXPECT_THAT(read_all(*source), ElementsAre("g"));
  write("0.log", "late\n");
  EXPECT_THAT(read_all(*source).back(), HasSubstr("appeared before"));
}

TEST_F(FileSourceTest, a_followed_file_may_only_grow) {
  auto settings = at("a.log");
  settings.follow = true;
  write("a.log", "one\ntwo\n");
  auto source = FileSource::create(settings).value();
  EXPECT_THAT(read_all(*source), ElementsAre("one", "two"));
  std::filesystem::resize_file(path("a.log"), 2);
  EXPECT_THAT(read_all(*source).back(), HasSubstr("was cut to 2 bytes after 8"));

  write("b.log", "one\n");
  settings.path = path("b.log");
  auto replaced = FileSource::create(settings).value();
  EXPECT_THAT(read_all(*replaced), ElementsAre("one"));
  write("b.new", "other\n");
  std::filesystem::rename(path("b.new"), path("b.log"));
  EXPECT_THAT(read_all(*replaced).back(), HasSubstr("was replaced or removed"));
  settings.path = path("c.log.gz");
  EXPECT_EQ(FileSource::create(settings).error().code(), Errc::kUnsupported);
}

TEST(Csv, numbers_are_json_numbers_a_double_can_hold) {
  for (const auto* yes : {"0", "-0", "12", "1.5", "-1.5e-3", "1E+2", "123456789012345678901234"}) {
    EXPECT_TRUE(is_json_number(yes)) << yes;
  }
  for (const auto* no :
       {"", "-", "007", "+1", ".5", "1.", "1e", "0x1", "NaN", "1e999", "1 ", "1,5"}) {
    EXPECT_FALSE(is_json_number(no)) << no;
  }
}

TEST(FileCursor, survives_its_text_form) {
  const FileCursor cursor{.file = 3,
                          .offset = 1000,
                          .line = 12,
                          .names_crc = 77,
                          .head_bytes = 1000,
                          .head_crc = 99,
                          .name = "a dir/b;c,é.csv"};
  EXPECT_EQ(cursor.to_string(), "3,1000,12,77,1000,99,a%20dir/b%3Bc%2C%C3%A9.csv");
  EXPECT_EQ(FileCursor::parse(cursor.to_string()).value().offset, 1000U);
  EXPECT_FALSE(FileCursor::parse("3,1000"));
  EXPECT_FALSE(FileCursor::parse("3,x,12,77,1000,99,name"));
}

}  // namespace
}  // namespace freshet::source
