#include "source/generators/event_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace freshet::source {
namespace {

std::string value_of(const GeneratorSettings& settings, uint64_t index) {
  std::string key;
  std::string value;
  make_generator(settings).value()->make(index, key, value);
  return value;
}

// The expected bytes were made by a second implementation of counter_random.h in Python.
TEST(EventGenerator, makes_the_same_bytes_as_another_implementation) {
  const std::tuple<std::string, uint64_t, std::string_view> cases[] = {
      {"events", 0,
       R"({"user_id":"user_77205","event_type":"view","timestamp":"2025-09-18T10:29:58Z","session_id":"sess_0","device":"desktop"})"},
      {"events", 1,
       R"({"user_id":"user_38697","event_type":"logout","timestamp":"2025-09-18T10:29:59Z","session_id":"sess_1","device":"desktop"})"},
      {"events", 123'456'789,
       R"({"user_id":"user_39902","event_type":"add_to_cart","timestamp":"2025-09-19T20:47:36Z","session_id":"sess_123456789","device":"mobile"})"},
      {"clickstream", 0,
       R"({"event_params":{"user_id":77206,"track_id":19083,"event_type_id":3,"event_type":"resume_track","platform":"android"},"event_timestamp_ms":1758191398189})"},
      {"clickstream", 123'456'789,
       R"({"event_params":{"user_id":39903,"track_id":12407,"event_type_id":1,"event_type":"track_playback","platform":"android"},"event_timestamp_ms":1758314854926})"},
  };
  for (const auto& [kind, index, expected] : cases) {
    EXPECT_EQ(value_of({.kind = kind}, index), expected);
  }
}

TEST(EventGenerator, every_setting_but_count_changes_the_fingerprint) {
  const GeneratorSettings base;
  const auto print = [](const GeneratorSettings& settings) {
    return GeneratorSource::create(settings).value()->fingerprint();
  };
  auto other = base;
  other.count = 7;
  EXPECT_EQ(print(other), print(base));
  std::vector<GeneratorSettings> changed(5, base);
  changed[0].kind = "clickstream";
  changed[1].seed = 43;
  changed[2].users = 1;
  changed[3].start_ms += 1;
  changed[4].events_per_second = 2000;
  for (const auto& settings : changed) EXPECT_NE(print(settings), print(base));
}

TEST(EventGenerator, clickstream_follows_its_weights) {
  const auto generator = make_generator({.kind = "clickstream"}).value();
  std::map<std::string, int> counts;
  std::string key;
  std::string value;
  for (uint64_t i = 0; i < 31'000; ++i) {
    generator->make(i, key, value);
    const size_t at = value.find(R"("event_type":")") + 14;
    ++counts[value.substr(at, value.find('"', at) - at)];
  }
  EXPECT_EQ(counts.size(), 8U);
  EXPECT_NEAR(counts["track_playback"], 12'000, 400);
  EXPECT_NEAR(counts["track_like"], 4'000, 300);
  EXPECT_NEAR(counts["track_unlike"], 1'000, 150);
}

TEST(EventGenerator, people_have_valid_uuids) {
  EXPECT_THAT(value_of({.kind = "people"}, 5),
              testing::MatchesRegex(
                  R"(.*"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}".*)"));
}

TEST(EventGenerator, refuses_what_cannot_be) {
  EXPECT_THAT(make_generator({.kind = "event"}).error().message(),
              testing::HasSubstr("events, clickstream, people"));
  EXPECT_FALSE(make_generator({.users = 0}));
  EXPECT_FALSE(make_generator({.events_per_second = 0}));
  EXPECT_FALSE(make_generator({.start_ms = -1}));
}

TEST(GeneratorSource, ends_at_its_count_and_seeks_anywhere) {
  auto source = GeneratorSource::create({.count = 3}).value();
  SourceEvent event;
  std::vector<std::string> values;
  while (source->read(event).value() == ReadStatus::kEvent) values.emplace_back(event.value);
  EXPECT_EQ(values.size(), 3U);
  ASSERT_TRUE(source->seek({.next = 2}));
  ASSERT_EQ(source->read(event).value(), ReadStatus::kEvent);
  EXPECT_EQ(event.value, values[2]);
  source->unread();
  EXPECT_EQ(source->position().next, 2U);
}

}  // namespace
}  // namespace freshet::source
