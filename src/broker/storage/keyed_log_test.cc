#include "broker/storage/keyed_log.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

const TopicPartition kTp{.topic = "__state", .partition = 0};

class KeyedLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<KeyedLog> open(LogStore& store) {
    auto log = store.find(kTp);
    if (!log) log = create_partition(store, kTp);
    auto keyed = KeyedLog::open(log, {.segment_bytes = 3'000});
    EXPECT_TRUE(keyed) << keyed.error().message();
    return std::move(*keyed);
  }
  TemporaryDirectory directory_;
};

TEST_F(KeyedLogTest, keeps_the_last_value_of_each_key_over_a_restart) {
  {
    const auto store = open_store(small_options(directory_.path()));
    const auto keyed = open(*store);
    ASSERT_TRUE(keyed->write({{.key = "a", .value = "1"}, {.key = "b", .value = "2"}}));
    ASSERT_TRUE(keyed->write({{.key = "a", .value = "3"}, {.key = "c", .value = ""}}));
    ASSERT_TRUE(keyed->write({{.key = "b", .value = std::nullopt}}));
    ASSERT_TRUE(keyed->write({}));
    EXPECT_EQ(keyed->size(), 2U);
  }
  const auto store = open_store(small_options(directory_.path()));
  const auto keyed = open(*store);
  EXPECT_EQ(keyed->get("a"), "3");
  EXPECT_EQ(keyed->get("b"), std::nullopt);
  EXPECT_EQ(keyed->get("c"), "");
  size_t visited = 0;
  keyed->visit([&](std::string_view, std::string_view) { ++visited; });
  EXPECT_EQ(visited, 2U);
}

TEST_F(KeyedLogTest, stays_small_and_loses_nothing_when_it_is_rewritten) {
  {
    const auto store = open_store(small_options(directory_.path()));
    const auto keyed = open(*store);
    ASSERT_TRUE(keyed->write({{.key = "written once", .value = "stays"}}));
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(
          keyed->write({{.key = fmt::format("key {}", i % 7), .value = std::to_string(i)}}));
    }
    const auto log = store->find(kTp);
    EXPECT_GT(log->log_start(), Offset(0));
    EXPECT_LT(log->size_bytes(), 12'000U);
  }
  const auto store = open_store(small_options(directory_.path()));
  const auto keyed = open(*store);
  EXPECT_EQ(keyed->size(), 8U);
  EXPECT_EQ(keyed->get("written once"), "stays");
  for (int i = 493; i < 500; ++i) {
    EXPECT_EQ(keyed->get(fmt::format("key {}", i % 7)), std::to_string(i));
  }
}

TEST_F(KeyedLogTest, concurrent_writers_agree_with_what_is_read_back) {
  std::map<std::string, std::string> expected;
  {
    const auto store = open_store(small_options(directory_.path()));
    const auto keyed = open(*store);
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
          std::latch done(200);
          for (int i = 0; i < 200; ++i) {
            keyed->write({{.key = fmt::format("{}:{}", t, i % 5), .value = std::to_string(i)}},
                         [&](Result<void> written) {
                           EXPECT_TRUE(written);
                           done.count_down();
                         });
          }
          done.wait();
        });
      }
    }
    keyed->visit(
        [&](std::string_view key, std::string_view value) { expected.emplace(key, value); });
    EXPECT_EQ(expected.size(), 15U);
    EXPECT_EQ(expected.at("2:4"), "199");
  }
  const auto store = open_store(small_options(directory_.path()));
  const auto keyed = open(*store);
  std::map<std::string, std::string> found;
  keyed->visit([&](std::string_view key, std::string_view value) { found.emplace(key, value); });
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace freshet::broker
