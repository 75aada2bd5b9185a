// Transactions as one partition sees them: what is stable, what was rolled back, who may write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "broker/storage/compacted_batch.h"
#include "broker/storage/failing_disk.h"
#include "broker/storage/keyed_log.h"
#include "broker/storage/recording_disk.h"
#include "broker/storage/storage_fixture.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const TopicPartition kTp{.topic = "t", .partition = 0};

AppendResult write(PartitionLog& log, int64_t producer, int32_t sequence, int16_t epoch = 0,
                   bool transactional = true) {
  return append(log, make_batch({"v"}, {.producer_id = producer,
                                        .epoch = epoch,
                                        .sequence = sequence,
                                        .transactional = transactional}));
}

AppendResult mark(PartitionLog& log, int64_t producer, bool commit, int16_t epoch = 0) {
  return append(log, kafka::encode_marker(
                         {.producer_id = producer, .producer_epoch = epoch, .commit = commit}, 1));
}

std::vector<AbortedTransaction> aborted(const PartitionLog& log, Offset from, Offset to) {
  const auto found = log.aborted_transactions(from, to);
  EXPECT_TRUE(found);
  return found.value_or(std::vector<AbortedTransaction>());
}

// Follows all batches of the log once more: what recovery keeps must say the same.
void expect_consistent(const PartitionLog& log) {
  OpenTransactions open;
  std::vector<AbortedTransaction> rolled_back;
  Offset next = log.log_start();
  while (next < log.high_watermark()) {
    const auto read = log.read(next, 1 << 20);
    ASSERT_TRUE(read) << read.error().message();
    for (const auto& slice : read->slices) {
      std::string_view rest = slice.bytes;
      while (!rest.empty()) {
        const auto batch = kafka::next_batch(rest);
        ASSERT_TRUE(batch && *batch);
        if (const auto ended = open.note(**batch)) rolled_back.push_back(*ended);
      }
    }
    next = read->next_offset;
  }
  EXPECT_EQ(log.last_stable_offset(), open.first_offset().value_or(log.high_watermark()));
  std::erase_if(rolled_back, [&](const AbortedTransaction& transaction) {
    return transaction.first_offset >= log.last_stable_offset();
  });
  EXPECT_EQ(aborted(log, log.log_start(), log.last_stable_offset()), rolled_back);
}

class TransactionsInLog : public ::testing::Test {
 protected:
  TransactionsInLog() { store_ = open_store(small_options(directory_.path())); }
  void create(const PartitionConfig& config = {}) { log_ = create_partition(*store_, kTp, config); }
  void reopen() {
    log_.reset();
    store_.reset();
    store_ = open_store(small_options(directory_.path()));
    log_ = store_->find(kTp);
    ASSERT_TRUE(log_);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<LogStore> store_;
  PartitionLogPtr log_;
};

TEST_F(TransactionsInLog, committed_readers_stop_at_the_first_open_transaction) {
  create();
  log_->allow_transaction(1, 0);
  ASSERT_TRUE(append(*log_, make_batch({"a"})).ok());
  ASSERT_TRUE(write(*log_, 1, 0).ok());
  ASSERT_TRUE(append(*log_, make_batch({"b"})).ok());
  EXPECT_EQ(log_->high_watermark(), Offset(3));
  EXPECT_EQ(log_->last_stable_offset(), Offset(1));
  const auto committed = log_->read(Offset(0), 1 << 20, Isolation::kReadCommitted);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->next_offset, Offset(1));
  const auto nothing = log_->read(Offset(1), 1 << 20, Isolation::kReadCommitted);
  ASSERT_TRUE(nothing);
  EXPECT_THAT(nothing->slices, IsEmpty());
  EXPECT_EQ(log_->read(Offset(0), 1 << 20)->next_offset, Offset(3));

  ASSERT_TRUE(mark(*log_, 1, /*commit=*/true).ok());
  EXPECT_EQ(log_->last_stable_offset(), Offset(4));
  EXPECT_EQ(log_->read(Offset(0), 1 << 20, Isolation::kReadCommitted)->next_offset, Offset(4));
  EXPECT_THAT(aborted(*log_, Offset(0), Offset(4)), IsEmpty());
}

TEST_F(TransactionsInLog, interleaved_transactions_that_are_rolled_back_are_listed) {
  create();
  log_->allow_transaction(1, 0);
  log_->allow_transaction(2, 0);
  ASSERT_TRUE(write(*log_, 1, 0).ok());                // 0
  ASSERT_TRUE(write(*log_, 2, 0).ok());                // 1
  ASSERT_TRUE(write(*log_, 1, 1).ok());                // 2
  ASSERT_TRUE(mark(*log_, 2, /*commit=*/false).ok());  // 3: 1 is open from 0 on
  EXPECT_EQ(log_->last_stable_offset(), Offset(0));
  ASSERT_TRUE(mark(*log_, 1, /*commit=*/false).ok());  // 4
  ASSERT_TRUE(append(*log_, make_batch({"a"})).ok());  // 5
  const AbortedTransaction second{2, Offset(1), Offset(3), Offset(0)};
  const AbortedTransaction first{1, Offset(0), Offset(4), Offset(5)};
  EXPECT_THAT(aborted(*log_, Offset(0), Offset(6)), ElementsAre(second, first));
  EXPECT_THAT(aborted(*log_, Offset(4), Offset(6)), ElementsAre(first));
  EXPECT_THAT(aborted(*log_, Offset(5), Offset(6)), IsEmpty());
  expect_consistent(*log_);
}

TEST_F(TransactionsInLog, only_an_added_producer_may_begin_and_only_in_its_epoch) {
  create();
  EXPECT_EQ(write(*log_, 1, 0).status, AppendStatus::kInvalidTxnState);
  log_->allow_transaction(1, 3);
  EXPECT_EQ(write(*log_, 1, 0, 2).status, AppendStatus::kInvalidTxnState);
  EXPECT_TRUE(write(*log_, 1, 0, 3).ok());
  EXPECT_EQ(write(*log_, 1, 1, 3, /*transactional=*/false).status, AppendStatus::kInvalidTxnState);
  EXPECT_TRUE(write(*log_, 1, 1, 3).ok());
  EXPECT_TRUE(mark(*log_, 1, true, 3).ok());
  EXPECT_EQ(write(*log_, 1, 2, 3).status, AppendStatus::kInvalidTxnState) << "late, after the end";
  log_->allow_transaction(1, 3);
  EXPECT_TRUE(write(*log_, 1, 2, 3).ok()) << "sequences go on over the marker";
  EXPECT_EQ(write(*log_, 1, 2, 3).status, AppendStatus::kDuplicate);
  EXPECT_EQ(append(*log_, make_batch({"v"}, {.transactional = true})).status,
            AppendStatus::kInvalidBatch);
}

TEST_F(TransactionsInLog, a_marker_of_a_newer_epoch_fences_the_producer) {
  create();
  log_->allow_transaction(1, 0);
  ASSERT_TRUE(write(*log_, 1, 0, 0).ok());
  ASSERT_TRUE(mark(*log_, 1, false, 1).ok());
  EXPECT_EQ(write(*log_, 1, 1, 0).status, AppendStatus::kInvalidProducerEpoch);
  log_->allow_transaction(1, 1);
  EXPECT_EQ(write(*log_, 1, 1, 1).status, AppendStatus::kOutOfOrderSequence);
  EXPECT_TRUE(write(*log_, 1, 0, 1).ok());
  reopen();
  EXPECT_EQ(write(*log_, 1, 1, 0).status, AppendStatus::kInvalidProducerEpoch);
  EXPECT_TRUE(write(*log_, 1, 1, 1).ok()) << "an open transaction outlives a crash";
  expect_consistent(*log_);
}

TEST_F(TransactionsInLog, a_waiter_for_committed_records_wakes_with_the_marker) {
  create();
  log_->allow_transaction(1, 0);
  ASSERT_TRUE(write(*log_, 1, 0).ok());
  bool woken = false;
  ASSERT_NE(log_->when_past(Offset(0), [&] { woken = true; }, Isolation::kReadCommitted), 0U);
  ASSERT_TRUE(write(*log_, 1, 1).ok());
  EXPECT_FALSE(woken);
  ASSERT_TRUE(mark(*log_, 1, true).ok());
  EXPECT_TRUE(woken);
  EXPECT_TRUE(
      log_->wait_past(Offset(2), std::chrono::steady_clock::now(), Isolation::kReadCommitted));
}

TEST_F(TransactionsInLog, producers_are_described) {
  create();
  log_->allow_transaction(7, 2);
  ASSERT_TRUE(append(*log_, make_batch({"a"})).ok());
  ASSERT_TRUE(write(*log_, 7, 0, 2).ok());
  auto producers = log_->active_producers();
  ASSERT_EQ(producers.size(), 1U);
  EXPECT_EQ(producers[0].producer_id, 7);
  EXPECT_EQ(producers[0].epoch, 2);
  EXPECT_EQ(producers[0].last_sequence, 0);
  EXPECT_EQ(producers[0].transaction_start, Offset(1));
  EXPECT_FALSE(producers[0].ended_any);
  ASSERT_TRUE(mark(*log_, 7, true, 2).ok());
  producers = log_->active_producers();
  EXPECT_EQ(producers[0].last_sequence, 0);
  EXPECT_EQ(producers[0].transaction_start, kNoOffset);
  EXPECT_TRUE(producers[0].ended_any);
}

TEST_F(TransactionsInLog, a_log_start_inside_an_open_transaction_is_its_stable_end) {
  create();
  log_->allow_transaction(1, 0);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(write(*log_, 1, i).ok());
  std::promise<Result<Offset>> moved;
  log_->delete_before(Offset(2), [&](Result<Offset> result) { moved.set_value(result); });
  ASSERT_TRUE(moved.get_future().get());
  EXPECT_EQ(log_->last_stable_offset(), Offset(2));
}

struct Life {
  const char* name;
  bool checkpoints;  // now and then
  bool clean;        // shutdowns
  bool lose_point;   // recovery point
};

class TransactionsOverStarts : public TransactionsInLog,
                               public testing::WithParamInterface<Life> {};

// Many transactions over small segments and several starts; whatever recovery kept is what the
// batches say.
TEST_P(TransactionsOverStarts, keep_what_is_open_and_what_was_rolled_back) {
  std::mt19937_64 random(11);
  create({.segment_bytes = 1'500});
  std::map<int64_t, int32_t> sequences;
  std::set<int64_t> open;
  for (int start = 0; start < 4; ++start) {
    for (int i = 0; i < 60; ++i) {
      const auto producer = static_cast<int64_t>(random() % 4);
      const auto what = random() % 10;
      if (what < 6) {
        log_->allow_transaction(producer, 0);
        ASSERT_TRUE(write(*log_, producer, sequences[producer]++).ok());
        open.insert(producer);
      } else if (what < 9) {
        ASSERT_TRUE(mark(*log_, producer, random() % 2 == 0).ok());
        open.erase(producer);
      } else if (GetParam().checkpoints) {
        ASSERT_TRUE(store_->checkpoint());
      }
    }
    expect_consistent(*log_);
    if (GetParam().clean) ASSERT_TRUE(store_->close());
    if (GetParam().lose_point) std::filesystem::remove(directory_.path() / "recovery-point");
    reopen();
    expect_consistent(*log_);
    EXPECT_EQ(log_->last_stable_offset() == log_->high_watermark(), open.empty());
  }
  EXPECT_GT(log_->segment_count(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Storage, TransactionsOverStarts,
                         testing::Values(Life{"crashes", false, false, false},
                                         Life{"checkpoints", true, false, false},
                                         Life{"clean", true, true, false},
                                         Life{"point_lost", true, true, true}),
                         [](const auto& life) { return std::string(life.param.name); });

TEST(OpenTransactions, a_marker_without_its_record_ends_a_transaction_and_rolls_nothing_back) {
  OpenTransactions open;
  const std::string data =
      make_batch({"v"}, {.producer_id = 7, .epoch = 0, .sequence = 0, .transactional = true});
  open.note(kafka::RecordBatchView(data));
  ASSERT_TRUE(open.first_offset());
  const std::string marker =
      kafka::encode_marker({.producer_id = 7, .producer_epoch = 0, .commit = false}, 1);
  // What compaction leaves when nothing of the transaction is left.
  const std::string emptied = empty_batch(kafka::RecordBatchView(marker));
  EXPECT_FALSE(open.note(kafka::RecordBatchView(emptied)));
  EXPECT_FALSE(open.first_offset());
}

TEST(TransactionsAfterPowerCut, are_what_the_batches_say) {
  const TemporaryDirectory directory;
  RecordingDisk disk(directory.path());
  FailingDisk fast_disk;
  fast_disk.leave_out_syncs();
  std::filesystem::create_directories(directory.path() / "wal");
  std::mt19937_64 random(23);
  struct Decided {
    TopicPartition tp;
    Offset marker;
    size_t changes;
  };
  std::vector<Decided> decided;
  {
    auto options = small_options(directory.path());
    options.disk = &disk;
    const auto store = open_store(options);
    std::vector<PartitionLogPtr> logs;
    for (int p = 0; p < 2; ++p) {
      logs.push_back(
          create_partition(*store, {.topic = "t", .partition = p}, {.segment_bytes = 2'000}));
    }
    std::map<std::pair<PartitionLog*, int64_t>, int32_t> sequences;
    for (int i = 0; i < 150; ++i) {
      auto& log = *logs[random() % logs.size()];
      const auto producer = static_cast<int64_t>(random() % 3);
      if (random() % 3 != 0) {
        log.allow_transaction(producer, 0);
        ASSERT_TRUE(write(log, producer, sequences[{&log, producer}]++).ok());
      } else {
        const auto ended = mark(log, producer, random() % 2 == 0);
        ASSERT_TRUE(ended.ok());
        decided.push_back({log.tp(), ended.base_offset, disk.change_count()});
      }
      if (i % 40 == 39) ASSERT_TRUE(store->checkpoint());
    }
  }
  const size_t total = disk.change_count();
  for (int cut = 0; cut < 60; ++cut) {
    const size_t changes = random() % (total + 1);
    SCOPED_TRACE(fmt::format("cut {} after {} changes", cut, changes));
    const TemporaryDirectory left;
    std::filesystem::create_directories(left.path() / "wal");
    disk.lay_out(changes, random(), left.path());
    auto options = small_options(left.path());
    options.disk = &fast_disk;
    const auto store = open_store(options);
    ASSERT_TRUE(store);
    for (const auto& log : store->partitions()) expect_consistent(*log);
    for (const auto& end : decided) {
      if (end.changes > changes) break;
      const auto log = store->find(end.tp);
      ASSERT_TRUE(log);
      EXPECT_GT(log->high_watermark(), end.marker) << "a decided transaction is gone";
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST_F(TransactionsInLog, appends_that_go_together_keep_their_order_with_a_state_log) {
  create();
  const auto state = create_partition(*store_, {.topic = "state", .partition = 0}, {}, 2);
  auto keyed = KeyedLog::open(state);
  ASSERT_TRUE(keyed);
  std::vector<std::string> order;
  std::promise<void> finished;
  const auto note = [&](std::string name) {
    return [&, name = std::move(name)](Result<void> done) {
      order.push_back(done ? name : "failed");
      if (order.size() == 3) finished.set_value();
    };
  };
  auto first = (*keyed)->stage({{.key = "k", .value = "1"}}, note("prepare"));
  auto second = (*keyed)->stage({{.key = "k", .value = "2"}}, note("complete"));
  ASSERT_TRUE(first && second);
  std::vector<PartitionAppend> together;
  together.push_back(std::move(first->append));
  together.push_back({log_, AppendBatches::from_string(make_batch({"marker"})),
                      [done = note("marker")](AppendResult result) mutable {
                        done(result.ok() ? Result<void>() : fail(Errc::kIo, "refused"));
                      }});
  together.push_back(std::move(second->append));
  store_->append_together(std::move(together));
  first->entered.reset();
  second->entered.reset();
  finished.get_future().wait();
  EXPECT_THAT(order, ElementsAre("prepare", "marker", "complete"));
  EXPECT_EQ((*keyed)->get("k"), "2");
  EXPECT_EQ(state->high_watermark(), Offset(2));
}

TEST_F(TransactionsInLog, appends_that_do_not_fit_together_are_refused_together) {
  create();
  std::vector<AppendStatus> statuses;
  std::vector<PartitionAppend> together;
  for (int i = 0; i < 3; ++i) {
    together.push_back({log_, AppendBatches::from_string(make_batch({std::string(30'000, 'x')})),
                        [&](const AppendResult& result) { statuses.push_back(result.status); }});
  }
  store_->append_together(std::move(together));
  EXPECT_THAT(statuses, ElementsAre(AppendStatus::kTooLarge, AppendStatus::kTooLarge,
                                    AppendStatus::kTooLarge));
  EXPECT_EQ(log_->high_watermark(), Offset(0));
}

}  // namespace
}  // namespace freshet::broker
