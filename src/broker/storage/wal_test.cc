// The write-ahead log's bytes: what counts as valid and what does not.
#include <gtest/gtest.h>

#include "broker/storage/recovery_point.h"
#include "broker/storage/storage_fixture.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_reader.h"
#include "broker/storage/wal_writer.h"
#include "io/file.h"

namespace freshet::broker {
namespace {

constexpr uint64_t kFileBytes = 64 << 10;

class Wal : public ::testing::Test {
 protected:
  std::string read(const std::string& name) {
    return io::read_file(directory_.path() / name, kFileBytes).value();
  }
  static std::vector<std::string> topics(std::string_view bytes) {
    auto reader = WalReader::open(bytes).value();
    std::vector<std::string> found;
    while (const auto entry = reader.next()) {
      if (entry->type == WalEntryType::kCreate) found.emplace_back(entry->payload);
    }
    return found;
  }
  static void add(WalWriter& writer, const std::string& topic) {
    writer.add(
        {.type = WalEntryType::kCreate, .partition = 3, .topic_id = topic_id(9), .payload = topic});
  }
  TemporaryDirectory directory_;
  WalFiles files_{PosixDisk::instance(),
                  {.directory = directory_.path(), .file_bytes = kFileBytes, .files_max = 4}};
};

TEST_F(Wal, entries_come_back_in_order_and_stop_at_the_first_damage) {
  WalWriter writer(files_, kFileBytes, [](uint64_t) {});
  ASSERT_TRUE(files_.prepare());
  ASSERT_TRUE(writer.start(std::nullopt));
  for (const std::string topic : {"one", "two", "three"}) {
    add(writer, topic);
    ASSERT_TRUE(writer.commit());
  }
  const auto bytes = read("0000.wal");
  EXPECT_EQ(topics(bytes), (std::vector<std::string>{"one", "two", "three"}));
  const size_t second = kWalEntriesStart + kWalEntryHeaderBytes + 3;
  for (size_t i = second; i < second + kWalEntryHeaderBytes + 3; ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(topics(damaged), std::vector<std::string>{"one"}) << i;
  }
}

TEST_F(Wal, entries_of_a_files_former_life_are_never_read) {
  uint64_t switched_to = 0;
  WalWriter writer(files_, kFileBytes, [&](uint64_t sequence) { switched_to = sequence; });
  ASSERT_TRUE(files_.prepare());
  ASSERT_TRUE(writer.start(std::nullopt));
  const std::string same_length(4'000, 't');
  while (switched_to == 0) {
    if (!files_.has_ready()) ASSERT_TRUE(files_.prepare());
    add(writer, same_length);
    ASSERT_TRUE(writer.commit());
  }
  EXPECT_EQ(switched_to, 2U);
  ASSERT_TRUE(files_.release_before(2));
  ASSERT_TRUE(files_.prepare());
  // The first file is the third now, and full of entries that were valid in the first.
  EXPECT_TRUE(topics(read("0000.wal")).empty());
  while (switched_to == 2) {
    add(writer, same_length);
    ASSERT_TRUE(writer.commit());
  }
  EXPECT_EQ(topics(read("0000.wal")).size(), 1U);
  const auto bytes = read("0000.wal");
  const auto link = WalReader::open(bytes)->link();
  ASSERT_TRUE(link);
  EXPECT_EQ(link->sequence, 2U);
}

TEST_F(Wal, file_header_that_is_damaged_is_refused) {
  ASSERT_TRUE(files_.prepare());
  const auto bytes = read("0000.wal");
  ASSERT_TRUE(WalReader::open(bytes));
  for (size_t i = 0; i < 64; ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(WalReader::open(damaged)) << i;
  }
  EXPECT_FALSE(WalReader::open(std::string_view(bytes).substr(0, 100)));
}

TEST(RecoveryPoint, comes_back_whole_or_not_at_all) {
  RecoveryPoint point;
  point.leader_epoch = 4;
  point.wal_sequence = 77;
  point.clean_shutdown = true;
  PartitionPoint partition;
  partition.tp = {.topic = "events", .partition = 12};
  partition.topic_id = topic_id(5);
  partition.offset = Offset(1'000);
  partition.segment_base = Offset(900);
  partition.position = 4'711;
  partition.newest = {.timestamp_ms = 99, .offset = Offset(950)};
  partition.epochs.note(2, Offset(10));
  auto batch = make_batch({"v"}, {.producer_id = 3, .epoch = 1, .sequence = 8});
  kafka::set_base_offset(batch.data(), Offset(999));
  partition.producers.add(kafka::RecordBatchView(batch), 123);
  point.partitions.push_back(partition);
  const auto bytes = point.encode();
  const auto decoded = RecoveryPoint::decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->clean_shutdown);
  EXPECT_EQ(decoded->wal_sequence, 77U);
  ASSERT_EQ(decoded->partitions.size(), 1U);
  const auto& back = decoded->partitions[0];
  EXPECT_EQ(back.tp, partition.tp);
  EXPECT_EQ(back.position, 4'711U);
  EXPECT_EQ(back.epochs.entries(), partition.epochs.entries());
  EXPECT_EQ(back.producers.check(kafka::RecordBatchView(batch)).verdict,
            SequenceVerdict::kDuplicate);
  EXPECT_EQ(decoded->encode(), bytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(RecoveryPoint::decode(damaged)) << i;
    EXPECT_FALSE(RecoveryPoint::decode(std::string_view(bytes).substr(0, i))) << i;
  }
}

TEST(LeaderEpochs, answers_where_an_epoch_ended) {
  LeaderEpochs epochs;
  EXPECT_EQ(epochs.end_of(0, Offset(0)), std::pair(-1, kNoOffset));
  epochs.note(1, Offset(0));
  epochs.note(3, Offset(50));
  epochs.note(3, Offset(60));
  epochs.note(2, Offset(70));
  epochs.note(5, Offset(100));
  EXPECT_EQ(epochs.end_of(0, Offset(120)), std::pair(0, Offset(0)));
  EXPECT_EQ(epochs.end_of(1, Offset(120)), std::pair(1, Offset(50)));
  EXPECT_EQ(epochs.end_of(2, Offset(120)), std::pair(1, Offset(50)));
  EXPECT_EQ(epochs.end_of(4, Offset(120)), std::pair(3, Offset(100)));
  EXPECT_EQ(epochs.end_of(5, Offset(120)), std::pair(5, Offset(120)));
  EXPECT_EQ(epochs.end_of(6, Offset(120)), std::pair(-1, kNoOffset));
  EXPECT_EQ(epochs.to_text(), "0\n3\n1 0\n3 50\n5 100\n");
}

}  // namespace
}  // namespace freshet::broker
