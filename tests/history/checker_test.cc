// Histories by hand, each with one thing that must never happen, and one without.
#include "checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::history {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class History : public testing::Test {
 protected:
  void add(Event event) { events_.push_back(event); }
  void write(int64_t value, int64_t offset, Phase phase = Phase::kOk, int64_t transaction = -1,
             int32_t place = 0) {
    Event event{.kind = Kind::kWrite, .process = writer_of(value), .place = place, .value = value};
    event.transaction = transaction;
    add(event);
    if (phase == Phase::kInvoke) return;
    event.phase = phase;
    event.offset = offset;
    add(event);
  }
  void end(int64_t transaction, bool commit, Phase phase = Phase::kOk) {
    add({.kind = Kind::kEnd, .transaction = transaction, .flag = commit});
    add({.kind = Kind::kEnd, .phase = phase, .transaction = transaction, .flag = commit});
  }
  /// Everything of a place, by a reader that is there from 0 to `to`.
  void read(const std::vector<std::pair<int64_t, int64_t>>& offsets_and_values, int64_t to,
            bool committed = false, int32_t place = 0) {
    Event event{.kind = Kind::kRange, .process = ++reader_, .place = place, .flag = committed};
    event.offset = 0;
    add(event);
    for (const auto& [offset, value] : offsets_and_values) {
      add({.kind = Kind::kRead,
           .phase = Phase::kOk,
           .process = reader_,
           .place = place,
           .value = value,
           .offset = offset,
           .flag = committed});
    }
    event.phase = Phase::kOk;
    event.offset = to;
    add(event);
  }
  void commit(int64_t offset, Phase phase = Phase::kOk, int64_t transaction = -1) {
    add({.kind = Kind::kCommit, .place = 0, .offset = offset, .transaction = transaction});
    if (phase == Phase::kInvoke) return;
    add({.kind = Kind::kCommit,
         .phase = phase,
         .place = 0,
         .offset = offset,
         .transaction = transaction});
  }
  void committed(int64_t offset) {
    add({.kind = Kind::kCommitted, .place = 0});
    add({.kind = Kind::kCommitted, .phase = Phase::kOk, .place = 0, .offset = offset});
  }
  std::vector<Anomaly> anomalies() {
    std::vector<Anomaly> found;
    for (const auto& finding : check(events_)) found.push_back(finding.anomaly);
    return found;
  }

  std::vector<Event> events_;
  int32_t reader_ = 100;
};

TEST_F(History, good_one_has_no_anomaly) {
  write(1, 0);
  write(2, -1, Phase::kUnknown);
  write(3, -1, Phase::kUnknown);
  write(4, -1, Phase::kFail);
  write(10, 2, Phase::kOk, 1);
  write(11, 4, Phase::kOk, 2);
  end(1, true);
  end(2, false);
  read({{0, 1}, {1, 3}, {2, 10}, {4, 11}}, 6);
  read({{0, 1}, {1, 3}, {2, 10}}, 6, true);
  commit(5);
  commit(6, Phase::kUnknown);
  committed(5);
  commit(7, Phase::kOk, 3);
  committed(6);
  end(3, true);
  committed(7);
  EXPECT_THAT(anomalies(), IsEmpty());
}

TEST_F(History, an_acknowledged_write_is_lost) {
  write(1, 0);
  write(2, 1);
  read({{0, 1}}, 2);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostWrite));
}

TEST_F(History, the_end_of_a_log_is_lost) {
  write(1, 0);
  write(2, 1);
  read({{0, 1}}, 1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostWrite));
}

TEST_F(History, a_write_acknowledged_while_a_range_is_read_need_not_be_in_it) {
  write(1, 0);
  add({.kind = Kind::kRange, .process = 9, .place = 0, .offset = 0});
  add({.kind = Kind::kRead,
       .phase = Phase::kOk,
       .process = 9,
       .place = 0,
       .value = 1,
       .offset = 0});
  write(2, 1);
  add({.kind = Kind::kRange, .phase = Phase::kOk, .process = 9, .place = 0, .offset = 1});
  EXPECT_THAT(anomalies(), IsEmpty());
}

TEST_F(History, a_write_is_there_twice) {
  write(1, 0);
  read({{0, 1}, {1, 1}}, 2);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kDoubledWrite));
}

TEST_F(History, an_offset_changes_its_record) {
  write(1, 0, Phase::kUnknown);
  write(2, -1, Phase::kUnknown);
  read({{0, 1}}, 1);
  read({{0, 2}}, 1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kInconsistent));
}

TEST_F(History, a_record_is_not_where_it_was_acknowledged) {
  write(1, 5);
  read({{0, 1}}, 1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kDoubledWrite, Anomaly::kLostWrite));
}

TEST_F(History, a_reader_gets_what_nobody_wrote_or_what_failed) {
  write(1, -1, Phase::kFail);
  write(2, 0, Phase::kOk, -1, /*place=*/1);
  read({{0, 1}, {1, 77}, {2, 2}}, 3);
  EXPECT_THAT(anomalies(),
              ElementsAre(Anomaly::kPhantomRead, Anomaly::kPhantomRead, Anomaly::kPhantomRead));
}

TEST_F(History, a_failed_write_had_been_read) {
  write(1, -1, Phase::kInvoke);
  read({{0, 1}}, 1);
  add({.kind = Kind::kWrite, .phase = Phase::kFail, .place = 0, .value = 1});
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kPhantomRead));
}

TEST_F(History, a_rolled_back_record_is_read_as_committed) {
  write(1, 0, Phase::kOk, 1);
  end(1, false);
  read({{0, 1}}, 2, true);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kAbortedRead));
}

TEST_F(History, an_open_transaction_is_read_as_committed) {
  write(1, 0, Phase::kOk, 1);
  read({{0, 1}}, 1, true);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kAbortedRead));
}

TEST_F(History, a_record_is_rolled_back_after_it_was_read_as_committed) {
  write(1, 0, Phase::kOk, 1);
  end(1, true, Phase::kUnknown);
  read({{0, 1}}, 1, true);
  end(1, false);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kAbortedRead));
}

TEST_F(History, a_committed_record_is_hidden) {
  write(1, 0, Phase::kOk, 1);
  end(1, true);
  read({}, 2, true);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostWrite));
}

TEST_F(History, a_transaction_in_doubt_is_visible_in_part) {
  write(1, 0, Phase::kOk, 1);
  write(2, 0, Phase::kOk, 1, /*place=*/1);
  end(1, true, Phase::kUnknown);
  read({{0, 1}}, 2, true);
  read({}, 2, true, /*place=*/1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kTornTransaction));
}

TEST_F(History, a_writer_is_reordered) {
  write(1, 1);
  write(2, 0);
  read({{0, 2}, {1, 1}}, 2);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kReordered));
}

TEST_F(History, a_reader_goes_back) {
  write(1, 0);
  write(2, 1);
  read({{1, 2}, {0, 1}}, 2);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kReordered));
}

TEST_F(History, a_committed_offset_goes_back) {
  commit(5);
  commit(9);
  committed(5);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostOffset));
}

TEST_F(History, a_committed_offset_is_gone) {
  commit(5);
  committed(-1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostOffset));
}

TEST_F(History, a_group_has_an_offset_that_nobody_committed) {
  commit(5);
  committed(6);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kUnknownOffset));
}

TEST_F(History, an_offset_of_a_rolled_back_transaction_is_in_force) {
  commit(5, Phase::kOk, 1);
  end(1, false);
  committed(5);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kUnknownOffset));
}

TEST_F(History, an_offset_of_a_committed_transaction_is_lost) {
  commit(5, Phase::kOk, 1);
  end(1, true);
  committed(-1);
  EXPECT_THAT(anomalies(), ElementsAre(Anomaly::kLostOffset));
}

TEST(HistoryLine, comes_back_as_it_was) {
  const Event event{.kind = Kind::kCommit,
                    .phase = Phase::kUnknown,
                    .process = 3,
                    .place = 2,
                    .value = value_of(7, 9),
                    .offset = 11,
                    .transaction = 4,
                    .flag = true};
  EXPECT_EQ(from_line(to_line(event)).value(), event);
  EXPECT_FALSE(from_line("write maybe 1 2 3 4 5 6"));
}

}  // namespace
}  // namespace freshet::history
