#include "observe/metrics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace freshet {
namespace {

using testing::HasSubstr;

TEST(MetricRegistry, exposes_counters_and_gauges_in_the_text_format) {
  MetricRegistry registry;
  registry.counter("freshet_test_rows_total", "Rows written.", {{"pipeline", "rows"}}).increment(3);
  auto& gauge = registry.gauge("freshet_test_queue_bytes", "Bytes waiting.");
  gauge.set(10);
  gauge.add(-4);
  EXPECT_EQ(gauge.value(), 6);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("# HELP freshet_test_rows_total Rows written.\n"
                              "# TYPE freshet_test_rows_total counter\n"
                              "freshet_test_rows_total{pipeline=\"rows\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE freshet_test_queue_bytes gauge\n"
                              "freshet_test_queue_bytes 6\n"));
}

TEST(MetricRegistry, gives_the_same_series_for_the_same_labels) {
  MetricRegistry registry;
  auto& one = registry.counter("freshet_test_total", "Help.", {{"topic", "a"}});
  auto& other = registry.counter("freshet_test_total", "Help.", {{"topic", "b"}});
  EXPECT_NE(&one, &other);
  EXPECT_EQ(&one, &registry.counter("freshet_test_total", "Help.", {{"topic", "a"}}));
}

TEST(MetricRegistry, counts_observations_cumulatively_per_bucket) {
  MetricRegistry registry;
  auto& seconds = registry.histogram("freshet_test_seconds", "Latency.", {0.1, 1});
  for (const double value : {0.05, 0.1, 0.5, 3.0}) seconds.observe(value);
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_bucket{le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_count 4\n"));
}

TEST(MetricRegistry, exposes_every_series_of_a_histogram_under_one_family) {
  MetricRegistry registry;
  for (const char* const api : {"Fetch", "Produce"}) {
    registry.histogram("freshet_test_seconds", "Latency.", {1}, {{"api", api}}).observe(2);
  }
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("# HELP freshet_test_seconds Latency.\n"
                              "# TYPE freshet_test_seconds histogram\n"
                              "freshet_test_seconds_count{api=\"Fetch\"} 1\n"
                              "freshet_test_seconds_sum{api=\"Fetch\"} 2\n"
                              "freshet_test_seconds_bucket{api=\"Fetch\",le=\"1\"} 0\n"
                              "freshet_test_seconds_bucket{api=\"Fetch\",le=\"+Inf\"} 1\n"
                              "freshet_test_seconds_count{api=\"Produce\"} 1\n"));
}

TEST(MetricRegistry, loses_no_observation_of_several_threads) {
  MetricRegistry registry;
  auto& seconds = registry.histogram("freshet_test_seconds", "Latency.", {0.5, 1});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {  // more than there are shards
      threads.emplace_back([&seconds] {
        for (int i = 0; i < 1000; ++i) seconds.observe(i % 2 == 0 ? 0.25 : 2);
      });
    }
    // The counts of one look agree with each other, whatever happens meanwhile.
    for (int i = 0; i < 20; ++i) {
      const std::string text = registry.expose();
      const auto number_after = [&text](std::string_view name) {
        return std::stoull(text.substr(text.find(name) + name.size()));
      };
      EXPECT_EQ(number_after("freshet_test_seconds_count "),
                number_after("freshet_test_seconds_bucket{le=\"+Inf\"} "));
      EXPECT_LE(number_after("{le=\"1\"} "), number_after("{le=\"+Inf\"} "));
    }
  }
  const std::string text = registry.expose();
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_bucket{le=\"0.5\"} 3000\n"));
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_count 6000\n"));
  EXPECT_THAT(text, HasSubstr("freshet_test_seconds_sum 6750\n"));
}

TEST(MetricRegistry, loses_no_increment_of_several_threads) {
  MetricRegistry registry;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&registry] {
        auto& counter = registry.counter("freshet_test_total", "Help.");
        for (int i = 0; i < 1000; ++i) counter.increment();
      });
    }
  }
  EXPECT_EQ(registry.counter("freshet_test_total", "Help.").value(), 4000);
}

TEST(MetricRegistryDeathTest, aborts_when_one_name_is_two_things) {
  MetricRegistry registry;
  registry.counter("freshet_test_total", "Help.");
  EXPECT_DEATH(registry.gauge("freshet_test_total", "Help."), "two kinds");
  EXPECT_DEATH(registry.counter("freshet_test_total", "Other."), "two help texts");
}

TEST(LatencyBuckets, rise_from_a_tenth_of_a_millisecond_to_a_minute) {
  const auto bounds = latency_buckets();
  EXPECT_TRUE(std::ranges::is_sorted(bounds));
  EXPECT_EQ(bounds.front(), 0.0001);
  EXPECT_EQ(bounds.back(), 60);
}

TEST(MetricRegistry, asks_sources_at_every_exposition_until_they_are_removed) {
  MetricRegistry registry;
  int64_t asked = 0;
  const uint64_t id = registry.add_source([&](MetricText& text) {
    text.family("lag", "Help with \\ and\nlines.", MetricKind::kGauge);
    text.sample({}, ++asked);
    text.sample({{"group", "a\"b\\c\nd"}, {"partition", "0"}}, -1);
  });
  const std::string expected =
      "# HELP lag Help with \\\\ and\\nlines.\n# TYPE lag gauge\nlag 1\n"
      "lag{group=\"a\\\"b\\\\c\\nd\",partition=\"0\"} -1\n";
  EXPECT_EQ(registry.expose(), expected);
  EXPECT_THAT(registry.expose(), testing::HasSubstr("\nlag 2\n"));
  registry.remove_source(id);
  EXPECT_EQ(registry.expose(), "");
}

}  // namespace
}  // namespace freshet
