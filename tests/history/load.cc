#include "load.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

namespace freshet::history {
namespace {

using std::chrono::steady_clock;

constexpr int kPollMs = 5;
constexpr int kCallMs = 5'000;  // of one blocking call; it is repeated when it must be
constexpr int kSendsWaitingMax = 300;

struct FreeList {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, FreeList>;
struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, FreeMessage>;
struct FreeError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using RdError = std::unique_ptr<rd_kafka_error_t, FreeError>;

std::pair<const char*, int32_t> partition_of(int32_t place) {
  if (place < kPlainPlaces) return {"plain", place};
  return {"money", place - kPlainPlaces};
}
int32_t place_of(std::string_view topic, int32_t partition) {
  return topic == "plain" ? partition : kPlainPlaces + partition;
}

// librdkafka asks for a callback without an opaque of ours: one proxy a process.
std::atomic<uint16_t> connect_port{0};

int connect_through_proxy(int fd, const sockaddr*, int, const char*, void*) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(connect_port.load());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int done = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  return done == 0 || errno == EINPROGRESS ? 0 : errno;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

PartitionList places(const std::vector<int64_t>& offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(kPlaces));
  for (int32_t place = 0; place < static_cast<int32_t>(offsets.size()); ++place) {
    const auto [topic, partition] = partition_of(place);
    rd_kafka_topic_partition_list_add(list.get(), topic, partition)->offset =
        offsets[static_cast<size_t>(place)];
  }
  return list;
}

}  // namespace

void CloseClient::operator()(rd_kafka_s* client) const { rd_kafka_destroy(client); }

struct Load::Sender {
  Load& load;
  int32_t process = 0;
  int32_t number = 0;
  std::mt19937_64 random;

  /// Of a message; its value is its opaque.
  void delivered(const rd_kafka_message_t* message) {
    const auto value = reinterpret_cast<intptr_t>(message->_private);
    Event event{.kind = Kind::kWrite,
                .phase = Phase::kOk,
                .process = process,
                .place = place_of(rd_kafka_topic_name(message->rkt), message->partition),
                .value = value};
    event.offset = message->offset;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const bool never = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
      event.phase = never ? Phase::kFail : Phase::kUnknown;
      event.offset = -1;
      ++(never ? load.counts_.failed : load.counts_.unknown);
    } else {
      ++load.counts_.acknowledged;
    }
    load.recorder_.add(event);
  }
};

Load::Load(LoadOptions options, Recorder& recorder) : options_(options), recorder_(recorder) {
  connect_port = options.proxy_port;
}

Client Load::make_client(bool producer, const Settings& settings, void* opaque) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> why{};
  Settings all{{"bootstrap.servers", fmt::format("127.0.0.1:{}", options_.broker_port)},
               {"reconnect.backoff.ms", "5"},
               {"reconnect.backoff.max.ms", "30"},
               {"retry.backoff.ms", "10"},
               {"topic.metadata.refresh.fast.interval.ms", "20"},
               {"log_level", "2"}};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) !=
        RD_KAFKA_CONF_OK) {
      give_up(why.data());
    }
  }
  rd_kafka_conf_set_connect_cb(conf, connect_through_proxy);
  rd_kafka_conf_set_opaque(conf, opaque);
  if (producer) {
    rd_kafka_conf_set_dr_msg_cb(conf,
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* sender) {
                                  static_cast<Sender*>(sender)->delivered(message);
                                });
  }
  rd_kafka_t* client =
      rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why.data(), why.size());
  if (client == nullptr) give_up(why.data());
  return Client(client);
}

Result<void> Load::create_topics() {
  const Client client = make_client(true, {}, nullptr);
  const std::array<std::pair<const char*, int>, 2> wanted{
      {{"plain", kPlainPlaces}, {"money", kMoneyPlaces}}};
  for (const auto& [name, partitions] : wanted) {
    std::array<char, 256> why{};
    rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name, partitions, 1, why.data(), why.size());
    rd_kafka_NewTopic_set_config(topic, "segment.bytes", "65536");
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
    rd_kafka_CreateTopics(client.get(), &topic, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, kCallMs);
    const auto error =
        event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return fail(Errc::kUnavailable, "topic {}: {}", name, rd_kafka_err2str(error));
    }
  }
  return {};
}

void Load::begin() {
  for (int i = 0; i < options_.idempotent_producers; ++i) {
    threads_.emplace_back([this, i] { run_idempotent(i); });
  }
  for (int i = 0; i < options_.transactional_producers; ++i) {
    threads_.emplace_back([this, i] { run_transactional(i); });
  }
  for (int i = 0; i < options_.committers; ++i) {
    threads_.emplace_back([this, i] { run_committer(i); });
  }
}

void Load::stop() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Load::send(Sender& sender, rd_kafka_s* client, int32_t place, int64_t transaction) {
  const int64_t value = value_of(sender.process, ++sender.number);
  const auto [topic, partition] = partition_of(place);
  const auto text = fmt::format("{} {}", value, std::string(sender.random() % 120, 'x'));
  Event event{.kind = Kind::kWrite, .process = sender.process, .place = place, .value = value};
  event.transaction = transaction;
  recorder_.add(event);
  std::array<rd_kafka_vu_t, 5> fields{};
  fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  fields[0].u.cstr = topic;
  fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[1].u.i32 = partition;
  fields[2].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[2].u.mem = {.ptr = const_cast<char*>(text.data()), .size = text.size()};
  fields[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[3].u.i = RD_KAFKA_MSG_F_COPY;
  fields[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  // librdkafka hands this back with the report of the delivery; it is a number, never followed.
  fields[4].u.ptr = std::bit_cast<void*>(static_cast<intptr_t>(value));
  const RdError error(rd_kafka_produceva(client, fields.data(), fields.size()));
  if (error == nullptr) return;
  event.phase = Phase::kFail;
  recorder_.add(event);
}

/// They outwait every death: a record that is given up makes librdkafka begin an epoch, in which
/// records of other partitions whose answers were lost are sent a second time
/// (confluentinc/librdkafka#4953).
void Load::run_idempotent(int number) {
  Sender sender{.load = *this, .random = std::mt19937_64(options_.seed * 100 + number)};
  while (!stopping_) {
    sender.process = next_process();
    sender.number = 0;
    const Client client = make_client(
        true, {{"enable.idempotence", "true"}, {"linger.ms", "1"}, {"message.timeout.ms", "60000"}},
        &sender);
    while (!stopping_ && rd_kafka_fatal_error(client.get(), nullptr, 0) == 0) {
      if (rd_kafka_outq_len(client.get()) < kSendsWaitingMax) {
        const size_t count = 1 + sender.random() % 6;
        for (size_t i = 0; i < count; ++i) {
          send(sender, client.get(), static_cast<int32_t>(sender.random() % kPlainPlaces), -1);
        }
      }
      rd_kafka_poll(client.get(), kPollMs);
    }
    if (stopping_) rd_kafka_flush(client.get(), 4 * kCallMs);
    if (!stopping_) ++counts_.recreated;
    rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client.get(), kCallMs);
  }
}

void Load::run_transactional(int number) {
  Sender sender{.load = *this, .random = std::mt19937_64(options_.seed * 100 + 50 + number)};
  const int32_t group = 100 + number;
  while (!stopping_) {
    sender.process = next_process();
    sender.number = 0;
    const Client client = make_client(true,
                                      {{"transactional.id", fmt::format("id-{}", number)},
                                       {"transaction.timeout.ms", "60000"},
                                       {"linger.ms", "1"}},
                                      &sender);
    bool usable = false;
    while (!stopping_ && !usable) {
      const RdError error(rd_kafka_init_transactions(client.get(), kCallMs));
      usable = error == nullptr;
      if (!usable && rd_kafka_error_is_fatal(error.get()) != 0) break;
    }
    const Client asker = make_client(
        false, {{"group.id", fmt::format("group-{}", group)}, {"enable.auto.commit", "false"}},
        nullptr);
    while (!stopping_ && usable) {
      usable = run_transaction(sender, client.get(), group);
      if (usable && sender.random() % 4 == 0) ask_committed(asker.get(), group);
    }
    if (!usable) ++counts_.recreated;
    rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client.get(), kCallMs);
  }
}

bool Load::run_transaction(Sender& sender, rd_kafka_s* client, int32_t group) {
  if (const RdError error(rd_kafka_begin_transaction(client)); error != nullptr) return false;
  const int64_t transaction = ++transactions_;
  const size_t bursts = 1 + sender.random() % 3;
  for (size_t burst = 0; burst < bursts; ++burst) {
    for (size_t i = 0; i < 1 + sender.random() % 4; ++i) {
      send(sender, client, kPlainPlaces + static_cast<int32_t>(sender.random() % kMoneyPlaces),
           transaction);
    }
    rd_kafka_poll(client, static_cast<int>(sender.random() % 10));
  }
  if (sender.random() % 2 == 0) commit_in_transaction(client, group, transaction);
  // An abort with records on their way makes librdkafka 2.0.2 forget them and use their sequences
  // for the next ones, which a broker then takes for the same again.
  rd_kafka_flush(client, 4 * kCallMs);
  return end_transaction(client, transaction, sender.random() % 4 != 0);
}

/// The offset is the number of the transaction: it only grows.
void Load::commit_in_transaction(rd_kafka_s* client, int32_t group, int64_t transaction) {
  rd_kafka_consumer_group_metadata_t* metadata =
      rd_kafka_consumer_group_metadata_new(fmt::format("group-{}", group).c_str());
  Event event{.kind = Kind::kCommit, .process = group, .place = 0};
  event.offset = transaction;
  event.transaction = transaction;
  recorder_.add(event);
  while (true) {
    const auto offsets = places({transaction});
    const RdError error(
        rd_kafka_send_offsets_to_transaction(client, offsets.get(), metadata, kCallMs));
    // What failed for good fails the transaction too, whose end says what became of it.
    if (error == nullptr || rd_kafka_error_is_retriable(error.get()) == 0) break;
  }
  rd_kafka_consumer_group_metadata_destroy(metadata);
}

bool Load::end_transaction(rd_kafka_s* client, int64_t transaction, bool commit) {
  Event event{.kind = Kind::kEnd, .transaction = transaction, .flag = commit};
  recorder_.add(event);
  while (true) {
    const RdError error(commit ? rd_kafka_commit_transaction(client, kCallMs)
                               : rd_kafka_abort_transaction(client, kCallMs));
    if (error == nullptr) break;
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    if (commit && rd_kafka_error_txn_requires_abort(error.get()) != 0) {
      commit = false;
      continue;
    }
    event.phase = Phase::kUnknown;
    recorder_.add(event);
    ++counts_.in_doubt;
    return false;
  }
  event.flag = commit;
  event.phase = Phase::kOk;
  recorder_.add(event);
  ++(commit ? counts_.committed : counts_.aborted);
  return true;
}

void Load::run_committer(int number) {
  const int32_t group = number;
  const Client client = make_client(
      false, {{"group.id", fmt::format("group-{}", group)}, {"enable.auto.commit", "false"}},
      nullptr);
  std::mt19937_64 random(options_.seed * 100 + 80 + number);
  for (int64_t offset = 1; !stopping_; ++offset) {
    Event event{.kind = Kind::kCommit, .process = group, .place = 0};
    event.offset = offset;
    recorder_.add(event);
    const auto offsets = places({offset});
    const auto error = rd_kafka_commit(client.get(), offsets.get(), 0);
    event.phase = error == RD_KAFKA_RESP_ERR_NO_ERROR ? Phase::kOk : Phase::kUnknown;
    recorder_.add(event);
    if (random() % 4 == 0) ask_committed(client.get(), group);
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), kPollMs);
    if (message != nullptr) rd_kafka_message_destroy(message);
  }
}

void Load::ask_committed(rd_kafka_s* client, int32_t group) {
  Event event{.kind = Kind::kCommitted, .process = group, .place = 0};
  recorder_.add(event);
  const auto offsets = places({RD_KAFKA_OFFSET_INVALID});
  const auto error = rd_kafka_committed(client, offsets.get(), kCallMs);
  event.phase = error == RD_KAFKA_RESP_ERR_NO_ERROR ? Phase::kOk : Phase::kUnknown;
  event.offset =
      offsets->elems[0].offset == RD_KAFKA_OFFSET_INVALID ? -1 : offsets->elems[0].offset;
  if (offsets->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) event.phase = Phase::kUnknown;
  recorder_.add(event);
}

bool Load::read_ranges(std::vector<int64_t>& from, bool only_committed, double seconds) {
  const int32_t process = next_process();
  const Client client =
      make_client(false,
                  {{"group.id", "readers"},
                   {"enable.auto.commit", "false"},
                   {"enable.auto.offset.store", "false"},
                   {"auto.offset.reset", "error"},
                   {"enable.partition.eof", "true"},
                   {"fetch.wait.max.ms", "20"},
                   {"isolation.level", only_committed ? "read_committed" : "read_uncommitted"}},
                  nullptr);
  const auto deadline = steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int32_t place = 0; place < kPlaces; ++place) {
    recorder_.add({.kind = Kind::kRange,
                   .process = process,
                   .place = place,
                   .offset = from[static_cast<size_t>(place)],
                   .flag = only_committed});
  }
  if (rd_kafka_assign(client.get(), places(from).get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  std::array<bool, kPlaces> at_end{};
  int32_t left = kPlaces;
  while (left > 0 && steady_clock::now() < deadline) {
    const Message message(rd_kafka_consumer_poll(client.get(), 20));
    if (message == nullptr || message->rkt == nullptr) continue;
    const int32_t place = place_of(rd_kafka_topic_name(message->rkt), message->partition);
    if (at_end[static_cast<size_t>(place)]) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      recorder_.add({.kind = Kind::kRange,
                     .phase = Phase::kOk,
                     .process = process,
                     .place = place,
                     .offset = message->offset,
                     .flag = only_committed});
      from[static_cast<size_t>(place)] = message->offset;
      at_end[static_cast<size_t>(place)] = true;
      --left;
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      // The log ends before an offset that a reader had got to: read from its start, to be judged.
      std::fprintf(stderr, "place %d: %s\n", place, rd_kafka_message_errstr(message.get()));
      recorder_.add({.kind = Kind::kRange,
                     .phase = Phase::kOk,
                     .process = process,
                     .place = place,
                     .offset = from[static_cast<size_t>(place)]});
      at_end[static_cast<size_t>(place)] = true;
      --left;
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const std::string_view text(static_cast<const char*>(message->payload), message->len);
      Event event{.kind = Kind::kRead, .phase = Phase::kOk, .process = process, .place = place};
      std::from_chars(text.data(), text.data() + text.size(), event.value);
      event.offset = message->offset;
      event.flag = only_committed;
      recorder_.add(event);
    }
  }
  return left == 0;
}

}  // namespace freshet::history
