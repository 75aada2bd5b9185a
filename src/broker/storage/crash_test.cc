// A child process is killed inside an append or a recovery; the next start has everything that the
// child had been told is safe.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "broker/storage/keyed_log.h"
#include "broker/storage/killed_child.h"
#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

const TopicPartition kTp{.topic = "events", .partition = 0};

// The child: appends until it is killed, one line in `acknowledged` per append that came back.
TEST(CrashChild, DISABLED_appends) {
  const std::filesystem::path directory(std::getenv(kDirectoryVariable));
  const auto store = open_store(small_options(directory / "log"));
  auto log = store->find(kTp);
  if (!log) log = create_partition(*store, kTp, {.segment_bytes = 20'000});
  const int out = ::open((directory / "acknowledged").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
  for (int i = 0; i < 200; ++i) {
    const auto result = append(*log, make_batch({std::string(1'000, 'x')}));
    ASSERT_TRUE(result.ok());
    const auto line = fmt::format("{}\n", result.base_offset.value());
    ASSERT_EQ(::write(out, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
}

TEST(CrashChild, DISABLED_changes_keys) {
  const std::filesystem::path directory(std::getenv(kDirectoryVariable));
  const auto store = open_store(small_options(directory / "log"));
  auto log = store->find(kTp);
  if (!log) log = create_partition(*store, kTp);
  auto keyed = KeyedLog::open(log, {.segment_bytes = 4'000});
  ASSERT_TRUE(keyed);
  const int start = std::stoi((*keyed)->get("counter").value_or("-1")) + 1;
  const int out = ::open((directory / "acknowledged").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
  for (int i = start; i < start + 200; ++i) {
    ASSERT_TRUE((*keyed)->write({{.key = "counter", .value = std::to_string(i)},
                                 {.key = fmt::format("key {}", i % 20), .value = std::to_string(i)},
                                 {.key = fmt::format("key {}", (i + 10) % 20), .value = {}}}));
    const auto line = fmt::format("{}\n", i);
    ASSERT_EQ(::write(out, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
}

std::string keyed_batch(const std::string& key, const std::string& value) {
  kafka::RecordBatchBuilder builder;
  builder.append(1'000, key, value);
  return builder.build();
}

// One of 20 keys gets the next number as its value.
TEST(CrashChild, DISABLED_compacts) {
  const std::filesystem::path directory(std::getenv(kDirectoryVariable));
  const auto store = open_store(small_options(directory / "log"));
  const PartitionConfig config{.segment_bytes = 800, .compact = true, .dirty_ratio_min = 0};
  auto log = store->find(kTp);
  if (!log) log = create_partition(*store, kTp, config);
  log->set_config(config);
  const int out = ::open((directory / "acknowledged").c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
  const auto start = static_cast<int>(log->high_watermark().value());
  for (int i = start; i < start + 120; ++i) {
    ASSERT_TRUE(append(*log, keyed_batch(fmt::format("key {}", i % 20), std::to_string(i))).ok());
    const auto line = fmt::format("{}\n", i);
    ASSERT_EQ(::write(out, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    if (i % 30 == 29) store->compact([] { return false; });
  }
}

TEST(CrashChild, DISABLED_creates_an_empty_partition) {
  const std::filesystem::path directory(std::getenv(kDirectoryVariable));
  const auto store = open_store(small_options(directory / "log"));
  create_partition(*store, kTp);
  ::kill(::getpid(), SIGKILL);
}

int64_t last_acknowledged(const std::filesystem::path& directory) {
  std::ifstream in(directory / "acknowledged");
  int64_t last = -1;
  for (int64_t value = 0; in >> value;) last = value;
  return last;
}

struct Kill {
  const char* first;
  const char* second;  // of the next start; nullptr: none
};

class Crash : public ::testing::TestWithParam<Kill> {};

TEST_P(Crash, loses_no_acknowledged_append) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(run_child(directory.path(), "appends", GetParam().first));
  if (GetParam().second != nullptr) {
    EXPECT_TRUE(run_child(directory.path(), "appends", GetParam().second));
  }
  const auto store = open_store(small_options(directory.path() / "log"));
  const auto log = store->find(kTp);
  const int64_t last = last_acknowledged(directory.path());
  if (last >= 0) ASSERT_TRUE(log);
  if (!log) return;
  EXPECT_GT(log->high_watermark(), Offset(last));
  EXPECT_EQ(read_all(*log).size(), static_cast<size_t>(log->high_watermark().value()));
}

TEST_P(Crash, loses_no_acknowledged_key) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(run_child(directory.path(), "changes_keys", GetParam().first));
  if (GetParam().second != nullptr) {
    EXPECT_TRUE(run_child(directory.path(), "changes_keys", GetParam().second));
  }
  const auto store = open_store(small_options(directory.path() / "log"));
  const auto log = store->find(kTp);
  const int64_t last = last_acknowledged(directory.path());
  if (last >= 0) ASSERT_TRUE(log);
  if (!log) return;
  const auto keyed = KeyedLog::open(log, {.segment_bytes = 4'000});
  ASSERT_TRUE(keyed) << keyed.error().message();
  const int64_t counter = std::stoll((*keyed)->get("counter").value_or("-1"));
  // The write that was under way may have landed.
  EXPECT_GE(counter, last);
  EXPECT_LE(counter, last + 1);
  for (int64_t i = std::max<int64_t>(0, counter - 9); i <= counter; ++i) {
    EXPECT_EQ((*keyed)->get(fmt::format("key {}", i % 20)), std::to_string(i));
    EXPECT_FALSE((*keyed)->get(fmt::format("key {}", (i + 10) % 20)));
  }
}

class CrashInCompaction : public ::testing::TestWithParam<Kill> {};

TEST_P(CrashInCompaction, loses_no_newest_record) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(run_child(directory.path(), "compacts", GetParam().first));
  if (GetParam().second != nullptr) {
    EXPECT_TRUE(run_child(directory.path(), "compacts", GetParam().second));
  }
  const auto store = open_store(small_options(directory.path() / "log"));
  const auto log = store->find(kTp);
  ASSERT_TRUE(log);
  const int64_t last = last_acknowledged(directory.path());
  const auto left = read_all(*log);
  for (int64_t i = std::max<int64_t>(0, last - 19); i <= last; ++i) {
    const auto found = left.find(i);
    ASSERT_NE(found, left.end()) << "offset " << i;
    EXPECT_EQ(found->second, std::to_string(i));
  }
  for (const auto& entry :
       std::filesystem::directory_iterator(directory.path() / "log" / "events-0")) {
    const auto extension = entry.path().extension();
    EXPECT_TRUE(extension != ".cleaned" && extension != ".swap") << entry.path();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Storage, CrashInCompaction,
    ::testing::Values(Kill{"mid_compaction:1", nullptr}, Kill{"mid_compaction:2", nullptr},
                      Kill{"mid_compaction:5", nullptr}, Kill{"mid_compaction:6", nullptr},
                      Kill{"mid_compaction:7", nullptr}, Kill{"mid_compaction:8", nullptr},
                      Kill{"mid_compaction:9", nullptr}, Kill{"mid_compaction:10", nullptr},
                      Kill{"mid_compaction:20", nullptr},
                      Kill{"mid_compaction:6", "mid_compaction:1"},
                      Kill{"mid_compaction:8", "mid_compaction:2"},
                      Kill{"mid_compaction:5", "mid_compaction:7"}));

// A creation stands in the write-ahead log alone until a checkpoint; the one after a crash counts.
TEST(CrashTwice, a_partition_without_records_outlives_the_start_after_the_crash) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(run_child(directory.path(), "creates_an_empty_partition", ""));
  for (int start = 0; start < 3; ++start) {
    const auto store = open_store(small_options(directory.path() / "log"));
    EXPECT_TRUE(store->find(kTp)) << "start " << start;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Storage, Crash,
    ::testing::Values(Kill{"mid_append:1", nullptr}, Kill{"mid_append:3", nullptr},
                      Kill{"mid_append:60", nullptr}, Kill{"mid_append_torn:2", nullptr},
                      Kill{"mid_append_torn:70", nullptr}, Kill{"mid_append:40", "mid_append:90"},
                      Kill{"mid_append:80", "mid_recovery:1"},
                      Kill{"mid_append_torn:80", "mid_recovery:2"}));

}  // namespace
}  // namespace freshet::broker
