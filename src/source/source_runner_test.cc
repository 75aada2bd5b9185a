#include "source/source_runner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <thread>

#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "source/generators/event_generator.h"
#include "source/partitioner.h"
#include "source/source_mark.h"

namespace freshet::source {
namespace {

using testing::HasSubstr;

/// A log in memory that can lose its nerve: an implementation of the contract with its failures.
class MemoryLog final : public kafka::RecordProducer {
 public:
  explicit MemoryLog(size_t partitions) : partitions_(partitions) {}

  /// After `batches` more have landed every produce() fails, like a process that was killed.
  void fail_after(size_t batches) { left_ = batches; }
  /// The call number `call` from now lands only its first batch; calls after it land whole.
  void hole_at(size_t call) { hole_ = call; }
  /// Refuses the times of the records of call number `call` from now, as a broker does whose clock
  /// was set back since they were stamped.
  void untimely_at(size_t call) { untimely_ = call; }
  void heal() {
    left_.reset();
    hole_.reset();
  }

  Result<int32_t> partition_count(const std::string&) override {
    return static_cast<int32_t>(partitions_.size());
  }

  std::future<Result<std::vector<Offset>>> produce(
      std::vector<kafka::PartitionBatch> batches) override {
    std::promise<Result<std::vector<Offset>>> promise;
    Result<std::vector<Offset>> result;
    if (untimely_ && (*untimely_)-- == 0) {
      untimely_.reset();
      promise.set_value(fail(Errc::kOutOfRange, "a record's time is 7200000 ms ahead"));
      return promise.get_future();
    }
    const bool hole = hole_ && (*hole_)-- == 0;
    if (hole) hole_.reset();
    for (auto& batch : batches) {
      const bool refuse = hole && &batch != &batches.front();
      if (refuse || (left_ && (*left_)-- == 0)) {
        if (left_) left_ = 0;
        result = fail(Errc::kUnavailable, "the log is gone");
        break;
      }
      result->push_back(append(batch.tp.partition, std::move(batch.batch)));
    }
    promise.set_value(std::move(result));
    return promise.get_future();
  }

  Result<std::vector<kafka::LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                                      size_t bytes_max) override {
    std::vector<kafka::LogSlice> slices;
    const auto& log = partitions_[static_cast<size_t>(tp.partition)];
    size_t bytes = 0;
    for (auto batch = log.rbegin(); batch != log.rend() && bytes < bytes_max; ++batch) {
      if (before != kNoOffset && kafka::RecordBatchView(*batch).next_offset() > before) continue;
      slices.push_back({.owner = nullptr, .bytes = *batch});
      bytes += batch->size();
    }
    return slices;
  }

  Offset append(int32_t partition, std::string batch) {
    auto& log = partitions_[static_cast<size_t>(partition)];
    const Offset base = log.empty() ? Offset(0) : kafka::RecordBatchView(log.back()).next_offset();
    store_be(batch.data() + kafka::batch_layout::kBaseOffset, base.value());
    log.push_back(std::move(batch));
    ++landed_;
    return base;
  }

  void add_partition() { partitions_.emplace_back(); }
  [[nodiscard]] size_t landed() const { return landed_; }

  /// Everything a consumer would see, batch bounds included, but not the marks.
  [[nodiscard]] std::vector<std::string> contents(bool with_batches = true) const {
    std::vector<std::string> all;
    std::string scratch;
    for (size_t partition = 0; partition < partitions_.size(); ++partition) {
      for (const auto& batch : partitions_[partition]) {
        auto records = kafka::RecordIterator::open(kafka::RecordBatchView(batch), scratch).value();
        RecordView record;
        while (records.next(record)) {
          all.push_back(fmt::format("{} {} {} {} {}", partition, record.offset, record.timestamp_ms,
                                    record.key.value_or("-"), *record.value));
        }
        if (with_batches) all.emplace_back("--");
      }
    }
    return all;
  }

 private:
  std::vector<std::deque<std::string>> partitions_;
  std::optional<size_t> left_;
  std::optional<size_t> hole_;
  std::optional<size_t> untimely_;
  size_t landed_ = 0;
};

SourceRunnerSettings settings(size_t chunk_bytes = 4000) {
  return {.name = "clicks", .topic = "events", .chunk_bytes = chunk_bytes, .chunks_in_flight = 3};
}

std::unique_ptr<EventSource> events(uint64_t count, uint64_t seed = 42) {
  return GeneratorSource::create({.seed = seed, .count = count}).value();
}

Result<void> run_once(MemoryLog& log, uint64_t count, Clock& clock, uint64_t seed = 42) {
  SourceRunner runner(settings(), events(count, seed), log, clock);
  return runner.run();
}

/// A batch of another producer, which knows nothing of marks.
std::string foreign_batch() {
  kafka::RecordBatchBuilder builder;
  builder.append(1, "other", "freshet.source is only a word here");
  return builder.build();
}

TEST(SourceRunner, records_stamped_before_the_clock_was_set_are_stamped_and_published_again) {
  ManualClock clock;
  MemoryLog log(3);
  log.untimely_at(2);
  const auto refused = run_once(log, 1000, clock);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_retriable(refused.error().code())) << refused.error().message();
  EXPECT_THAT(refused.error().message(), HasSubstr("the clock was set"));
  ASSERT_TRUE(run_once(log, 1000, clock));
  EXPECT_EQ(log.contents(false).size(), 1000U);
}

TEST(SourceRunner, publishes_every_event_once_to_the_partition_of_its_key) {
  ManualClock clock;
  MemoryLog log(3);
  SourceRunner runner(settings(), events(1000), log, clock);
  ASSERT_TRUE(runner.run());
  EXPECT_EQ(log.contents(false).size(), 1000U);
  EXPECT_EQ(runner.status().position, 1000U);
  EXPECT_EQ(runner.status().published, 1000U);
  EXPECT_TRUE(runner.status().done);
  for (const auto& line : log.contents(false)) {
    const size_t user = line.find("user_");
    const auto key = line.substr(user, line.find(' ', user) - user);
    EXPECT_EQ(line[0] - '0', partition_of(key, 0, 3));
  }
}

TEST(SourceRunner, goes_on_exactly_where_the_log_ends_whatever_landed) {
  ManualClock clock;
  MemoryLog undisturbed(3);
  ASSERT_TRUE(run_once(undisturbed, 400, clock));
  const auto expected = undisturbed.contents();
  for (size_t cut = 0; cut <= undisturbed.landed(); ++cut) {
    for (const size_t second_cut : {size_t{1}, size_t{5}}) {
      MemoryLog log(3);
      log.fail_after(cut);
      EXPECT_EQ(run_once(log, 400, clock).has_value(), cut == undisturbed.landed());
      log.fail_after(second_cut);
      static_cast<void>(run_once(log, 400, clock));
      log.heal();
      ASSERT_TRUE(run_once(log, 400, clock));
      ASSERT_EQ(log.contents(), expected) << "killed after " << cut << " batches";
      ASSERT_TRUE(run_once(log, 400, clock));
      ASSERT_EQ(log.contents(), expected) << "a finished source was run again";
    }
  }
}

TEST(SourceRunner, fills_holes_that_a_failed_write_left_before_later_ones) {
  ManualClock clock;
  MemoryLog undisturbed(3);
  ASSERT_TRUE(run_once(undisturbed, 400, clock));
  auto expected = undisturbed.contents(false);
  const auto without_offsets = [](std::vector<std::string> lines) {
    for (auto& line : lines) line.erase(2, line.find(' ', 2) - 2);
    std::ranges::sort(lines);
    return lines;
  };
  for (size_t call = 0; call < 12; ++call) {
    for (size_t cut = 0; cut < 12; ++cut) {
      MemoryLog log(3);
      log.hole_at(call);
      ASSERT_FALSE(run_once(log, 400, clock));
      log.fail_after(cut);  // and killed again while it mends
      static_cast<void>(run_once(log, 400, clock));
      log.heal();
      ASSERT_TRUE(run_once(log, 400, clock));
      ASSERT_EQ(without_offsets(log.contents(false)), without_offsets(expected))
          << "hole at call " << call << ", killed after " << cut;
    }
  }
}

TEST(SourceRunner, finds_its_place_behind_other_producers) {
  ManualClock clock;
  MemoryLog log(2);
  for (int i = 0; i < 50; ++i) log.append(i % 2, foreign_batch());
  log.fail_after(3);
  ASSERT_FALSE(run_once(log, 200, clock));
  log.heal();
  for (int i = 0; i < 5000; ++i) log.append(i % 2, foreign_batch());
  ASSERT_TRUE(run_once(log, 200, clock));
  const auto lines = log.contents(false);
  EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.contains("user_"); }),
            200);
}

TEST(SourceRunner, survives_a_growing_number_of_partitions) {
  ManualClock clock;
  for (size_t cut = 0; cut < 10; ++cut) {
    MemoryLog log(2);
    log.fail_after(cut);
    ASSERT_FALSE(run_once(log, 400, clock));
    log.add_partition();
    log.heal();
    ASSERT_TRUE(run_once(log, 400, clock));
    std::vector<std::string> sessions;
    for (const auto& line : log.contents(false))
      sessions.push_back(line.substr(line.find("sess_")));
    std::ranges::sort(sessions);
    EXPECT_EQ(sessions.size(), 400U) << cut;
    EXPECT_EQ(std::ranges::adjacent_find(sessions), sessions.end());
  }
}

TEST(SourceRunner, goes_on_after_a_larger_count) {
  ManualClock clock;
  MemoryLog log(3);
  ASSERT_TRUE(run_once(log, 100, clock));
  ASSERT_TRUE(run_once(log, 250, clock));
  EXPECT_EQ(log.contents(false).size(), 250U);
}

TEST(SourceRunner, refuses_a_source_that_was_changed) {
  ManualClock clock;
  MemoryLog log(3);
  ASSERT_TRUE(run_once(log, 100, clock));
  const auto refused = run_once(log, 100, clock, /*seed=*/43);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRefused);
  EXPECT_THAT(refused.error().message(), HasSubstr("kind, seed or files were changed"));
  EXPECT_EQ(log.contents(false).size(), 100U);
}

TEST(SourceRunner, keeps_its_rate_and_stops_when_asked) {
  MemoryLog log(2);
  auto paced = settings();
  paced.rate = 20'000;
  SourceRunner bounded(paced, events(2000), log);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(bounded.run());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took.count(), 0.099);
  EXPECT_TRUE(bounded.status().done);

  MemoryLog endless_log(2);
  SourceRunner endless(paced, GeneratorSource::create({}).value(), endless_log);
  std::jthread thread([&] { EXPECT_TRUE(endless.run()); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (endless.status().position == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  endless.stop();
  thread.join();
  EXPECT_FALSE(endless.status().done);
  EXPECT_EQ(endless.status().position, endless_log.contents(false).size());
}

TEST(SourceMark, survives_its_text_form) {
  const SourceMark mark{.source = "clicks",
                        .fingerprint = "00ff",
                        .partitions = 6,
                        .covered = {{.from = 10, .to = 20}, {.from = 30, .to = 40}},
                        .everywhere = {.next = 5, .cursor = "0,1,2"}};
  EXPECT_EQ(mark.to_string(), "clicks;1;00ff;6;10-20,30-40;5;0,1,2");
  const auto parsed = SourceMark::parse(mark.to_string()).value();
  EXPECT_EQ(parsed.to_string(), mark.to_string());
  EXPECT_EQ(SourceMark::parse("clicks;2;00ff;whatever").error().code(), Errc::kUnsupported);
  for (const auto* bad :
       {"", "clicks", "clicks;1;ff;6;10-20;5", "clicks;1;ff;0;10-20;5;", "clicks;1;ff;6;20-10;5;",
        "clicks;1;ff;6;;5;", "clicks;1;ff;6;1-2;5;a;b", "clicks;x;ff;6;1-2;5;", ";1;ff;6;1-2;5;"}) {
    ASSERT_FALSE(SourceMark::parse(bad)) << bad;
    EXPECT_EQ(SourceMark::parse(bad).error().code(), Errc::kCorrupt) << bad;
  }
  EXPECT_FALSE(check_source_name("a;b"));
  EXPECT_FALSE(check_source_name(""));
  EXPECT_TRUE(check_source_name("clicks"));
}

// Values of Kafka's own tests (clients/…/common/utils/UtilsTest.java).
TEST(Partitioner, hashes_as_kafka_does) {
  const std::pair<std::string_view, int32_t> cases[] = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (const auto& [key, hash] : cases) EXPECT_EQ(static_cast<int32_t>(murmur2(key)), hash) << key;
  EXPECT_EQ(partition_of(std::nullopt, 7, 3), 1);
}

}  // namespace
}  // namespace freshet::source
