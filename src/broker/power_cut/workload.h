// A seeded stream of everything that a node keeps, from clients that remember what they asked.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "broker/power_cut/clients.h"

namespace freshet::broker::power_cut {

/// Fills `history`. One thread; up to five requests are on their way at once.
class Workload {
 public:
  Workload(Clients& clients, History& history, uint64_t seed)
      : clients_(clients), history_(history), random_(seed) {}

  void run(int steps) {
    create("plain", 3, {{"segment.bytes", "4000"}});
    create("money", 2, {{"segment.bytes", "3000"}});
    create("newest", 1,
           {{"segment.bytes", "1500"},
            {"cleanup.policy", "compact"},
            {"min.cleanable.dirty.ratio", "0"}});
    create("short", 1, {{"segment.bytes", "1500"}, {"retention.bytes", "4000"}});
    for (const char* id : {"", "", "", "one", "two"}) {
      history_.producers.push_back(clients_.init_producer(id));
    }
    open_.resize(history_.producers.size());
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
  }

 private:
  using Configs = TopicConfigMap;
  size_t pick(size_t count) { return random_() % count; }

  void step() {
    const size_t dice = pick(100);
    if (dice < 42) return burst();
    if (dice < 66) return transact(kFirstTransactional + pick(2));
    if (dice < 76) return commit_offsets();
    if (dice < 80) return static_cast<void>(store().checkpoint());
    if (dice < 84) return retain();
    if (dice < 87) return store().compact([] { return false; });
    if (dice < 92) return change_topic();
    if (dice < 94) return delete_records();
    if (dice < 96) return take_over();
    if (dice < 98) return clients_.reopen_node();
    if (dice < 99) return clients_.close_and_open_node();
    clients_.loop().pass(Millis(10));
  }

  LogStore& store() { return clients_.services().store; }
  TopicRegistry& topics() { return clients_.services().topics; }

  void create(const std::string& name, int32_t partitions, Configs configs) {
    TopicLife life{.name = name, .compacted = configs.contains("cleanup.policy")};
    life.created.asked = clients_.changes_now();
    TopicSpec spec{.name = name, .partitions = partitions, .configs = std::move(configs)};
    life.created.answered = clients_.change_topics([&](auto done) {
      topics().create(std::move(spec), [done](Result<TopicPtr> made) mutable {
        done(made ? Result<void>() : std::unexpected(made.error()));
      });
    });
    life.id = topics().find(name)->id;
    life.sizes.push_back({partitions, life.created});
    history_.topics.push_back(std::move(life));
  }

  /// A topic of the name "brief" comes, grows, is configured and goes, again and again.
  void change_topic() {
    if (!brief_) {
      create("brief", 1, {});
      brief_ = history_.topics.size() - 1;
      return;
    }
    auto& life = history_.topics[*brief_];
    Moment moment{.asked = clients_.changes_now()};
    const size_t dice = pick(4);
    if (dice == 0) {
      moment.answered =
          clients_.change_topics([&](auto done) { topics().remove(life.name, done); });
      life.deleted = moment;
      brief_.reset();
    } else if (dice == 1) {
      const int32_t count = life.sizes.back().partitions + 1;
      moment.answered = clients_.change_topics(
          [&](auto done) { topics().add_partitions(life.name, count, false, done); });
      life.sizes.push_back({count, moment});
    } else {
      const auto value = std::to_string(100'000 + ++settings_);
      moment.answered = clients_.change_topics([&](auto done) {
        topics().alter_configs(
            life.name,
            [value](const TopicConfigMap&) { return TopicConfigMap{{"max.message.bytes", value}}; },
            false, done);
      });
      life.settings.push_back({value, moment});
    }
  }

  SentBatch make_batch(size_t producer, size_t topic, int32_t partition) {
    SentBatch batch{.producer = producer, .topic = topic, .partition = partition};
    const auto& who = history_.producers[producer];
    auto& next = sequences_[{producer, who.epoch, topic, partition}];
    batch.first_sequence = next;
    kafka::RecordBatchBuilder builder({.producer_id = who.id,
                                       .producer_epoch = who.epoch,
                                       .base_sequence = next,
                                       .transactional = !who.transactional_id.empty()});
    const size_t records = 1 + pick(4);
    for (size_t i = 0; i < records; ++i) {
      batch.keys.push_back(fmt::format("key {}", pick(10)));
      batch.values.push_back(fmt::format("{} {}", ++values_, std::string(pick(700), 'x')));
      builder.append(clients_.now(), batch.keys.back(), batch.values.back());
    }
    next += static_cast<int32_t>(records);
    batch.bytes = builder.build();
    return batch;
  }

  /// Sends all at once, then waits for all.
  void send_all(std::vector<SentBatch> batches) {
    std::vector<std::pair<size_t, Clients::Slot>> waiting;
    for (auto& batch : batches) {
      batch.moment.asked = clients_.changes_now();
      history_.batches.push_back(std::move(batch));
      const size_t index = history_.batches.size() - 1;
      if (const auto t = history_.batches[index].transaction) {
        history_.transactions[*t].batches.push_back(index);
      }
      waiting.emplace_back(index, clients_.send_batch(history_, history_.batches[index]));
    }
    for (const auto& [index, slot] : waiting) {
      const auto answer = clients_.batch_answer(slot);
      ASSERT_EQ(answer.error_code, ErrorCode::kNone) << answer.error_message.value_or("");
      history_.batches[index].offset = answer.base_offset;
      history_.batches[index].moment.answered = clients_.answered_at(slot);
    }
  }

  void burst() {
    std::vector<SentBatch> batches;
    std::set<std::tuple<size_t, size_t, int32_t>> used;
    const size_t count = 1 + pick(5);
    for (size_t i = 0; i < count; ++i) {
      size_t topic = pick(brief_ ? kLasting + 1 : kLasting);
      if (topic == kLasting) topic = *brief_;
      const auto partition =
          static_cast<int32_t>(pick(history_.topics[topic].sizes.back().partitions));
      const size_t producer = pick(kFirstTransactional);
      // One batch on its way for each sequence: a client may see them answered in any order.
      if (!used.insert({producer, topic, partition}).second) continue;
      batches.push_back(make_batch(producer, topic, partition));
    }
    send_all(std::move(batches));
  }

  void transact(size_t producer) {
    auto& open = open_[producer];
    const auto& who = history_.producers[producer];
    if (!open) {
      SentTransaction transaction{.producer = producer};
      transaction.begun.asked = clients_.changes_now();
      const auto slot = clients_.send_begin(who, "money", 2);
      history_.transactions.push_back(transaction);
      open = history_.transactions.size() - 1;
      ASSERT_EQ(clients_.begin_answer(slot), ErrorCode::kNone);
      history_.transactions.back().begun.answered = clients_.answered_at(slot);
      return;
    }
    auto& transaction = history_.transactions[*open];
    const size_t dice = pick(10);
    if (dice < 5) {
      std::vector<SentBatch> batches;
      for (int32_t p = 0; p < 2; ++p) {
        if (pick(3) == 0) continue;
        batches.push_back(make_batch(producer, kMoney, p));
        batches.back().transaction = open;
      }
      return send_all(std::move(batches));
    }
    if (dice < 7) {
      ASSERT_EQ(clients_.add_offsets(who), ErrorCode::kNone);
      transaction.offsets.push_back(
          {.offset = ++offset_, .moment = {.asked = clients_.changes_now()}});
      const auto slot = clients_.send_offset(who, "plain", offset_);
      ASSERT_EQ(clients_.offset_answer(slot), ErrorCode::kNone);
      transaction.offsets.back().moment.answered = clients_.answered_at(slot);
      return;
    }
    transaction.commit = pick(3) != 0;
    transaction.end.asked = clients_.changes_now();
    const auto slot = clients_.send_end(who, transaction.commit);
    ASSERT_EQ(clients_.end_answer(slot), ErrorCode::kNone);
    transaction.end.answered = clients_.answered_at(slot);
    open.reset();
    // The second finds few files to sync, and syncs them one by one.
    if (pick(3) != 0) return;
    ASSERT_TRUE(store().checkpoint());
    burst();
    ASSERT_TRUE(store().checkpoint());
  }

  /// A new process with a transactional id: what the old one left open is rolled back.
  void take_over() {
    const size_t producer = kFirstTransactional + pick(2);
    auto& open = open_[producer];
    const size_t asked = clients_.changes_now();
    const auto fresh = clients_.init_producer(history_.producers[producer].transactional_id);
    if (open) {
      auto& transaction = history_.transactions[*open];
      transaction.taken_over = true;
      transaction.end = fresh.made;
      transaction.end.asked = asked;
      open.reset();
    }
    // Batches sent so far name the producer by its index: the new one has its own.
    history_.producers.push_back(history_.producers[producer]);
    const size_t old = history_.producers.size() - 1;
    for (auto& batch : history_.batches) {
      if (batch.producer == producer) batch.producer = old;
    }
    for (auto& transaction : history_.transactions) {
      if (transaction.producer == producer) transaction.producer = old;
    }
    history_.producers[producer] = fresh;
  }

  void commit_offsets() {
    std::vector<std::pair<size_t, Clients::Slot>> waiting;
    for (size_t group = 0; group < kGroups; ++group) {
      if (pick(2) == 0) continue;
      history_.commits[group].push_back(
          {.offset = ++offset_, .moment = {.asked = clients_.changes_now()}});
      waiting.emplace_back(group, clients_.send_commit(group, "plain", offset_));
    }
    for (const auto& [group, slot] : waiting) {
      ASSERT_EQ(clients_.commit_answer(slot), ErrorCode::kNone);
      history_.commits[group].back().moment.answered = clients_.answered_at(slot);
    }
  }

  void retain() {
    LogStartMove move{.topic = kShort, .moment = {.asked = clients_.changes_now()}};
    store().apply_retention();
    // The moves are queued; this one, which changes nothing, comes behind them.
    std::promise<void> done;
    store().find({"short", 0})->delete_before(Offset(0), [&](const auto&) { done.set_value(); });
    done.get_future().wait();
    note(move);
  }
  void delete_records() {
    const auto log = store().find({"short", 0});
    const auto start = log->log_start().value();
    const auto end = log->high_watermark().value();
    LogStartMove move{
        .topic = kShort, .promised = true, .moment = {.asked = clients_.changes_now()}};
    std::promise<size_t> promise;
    auto result = promise.get_future();
    const auto target = start + static_cast<int64_t>(pick(static_cast<size_t>(end - start) + 1));
    log->delete_before(Offset(target), [&](Result<Offset> done) {
      EXPECT_TRUE(done);
      promise.set_value(clients_.changes_now());
    });
    move.moment.answered = result.get();
    note(move);
  }
  void note(LogStartMove move) {
    move.reached = store().find({"short", 0})->log_start().value();
    history_.log_starts.push_back(move);
  }

  static constexpr size_t kMoney = 1;
  static constexpr size_t kShort = 3;
  static constexpr size_t kLasting = 4;
  static constexpr size_t kFirstTransactional = 3;

  Clients& clients_;
  History& history_;
  std::mt19937_64 random_;
  std::map<std::tuple<size_t, int16_t, size_t, int32_t>, int32_t> sequences_;
  std::vector<std::optional<size_t>> open_;  // transactions, by producer
  std::optional<size_t> brief_;              // the topic that comes and goes
  size_t values_ = 0;
  int64_t offset_ = 0;
  int settings_ = 0;
};

}  // namespace freshet::broker::power_cut
