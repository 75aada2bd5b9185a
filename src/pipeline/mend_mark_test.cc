#include "pipeline/mend_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace freshet::pipeline {
namespace {

using ::testing::ElementsAre;

MendMark sample() {
  return {.state = MendMark::State::kIntent,
          .kind = MendMark::Kind::kReplay,
          .id = "00c0ffee12345678",
          .pipeline = "rows",
          .tp = {"events", 3},
          .topic_id = "AAECAwQFBgcICQoLDA0ODw",
          .offsets = {{Offset(4), Offset(4)}, {Offset(7), Offset(9)}}};
}

TEST(MendMark, has_the_documented_text) {
  EXPECT_EQ(
      encode_mend_mark(sample()).substr(0, 91),
      "freshet-mend/1|intent|replay|00c0ffee12345678|rows|events|AAECAwQFBgcICQoLDA0ODw|3|4-4,7"
      "-9|");
}

TEST(MendMark, round_trips) {
  MendMark mark = sample();
  EXPECT_EQ(parse_mend_mark(encode_mend_mark(mark)).value(), mark);
  mark.state = MendMark::State::kDone;
  mark.kind = MendMark::Kind::kRepair;
  mark.offsets.clear();
  EXPECT_EQ(parse_mend_mark(encode_mend_mark(mark)).value(), mark);
}

TEST(MendMark, every_damaged_byte_is_noticed) {
  const std::string text = encode_mend_mark(sample());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(parse_mend_mark(damaged)) << i;
    EXPECT_FALSE(parse_mend_mark(text.substr(0, i))) << i;
  }
}

TEST(MendMark, names_no_more_offsets_than_one_batch_has) {
  MendMark mark = sample();
  mark.offsets = {{Offset(0), Offset(9'999)}};
  const std::string most = encode_mend_mark(mark);
  EXPECT_TRUE(parse_mend_mark(most));
  for (const char* list : {"0-10000", "0-9999,20000-20000", "0-9223372036854775806"}) {
    const std::string body =
        "freshet-mend/1|done|replay|00c0ffee12345678|rows|events|AAECAwQFBgcICQoLDA0ODw|3|" +
        std::string(list);
    EXPECT_FALSE(parse_mend_mark(fmt::format("{}|{:08x}", body, crc32c(body)))) << list;
  }
}

TEST(MendMark, ids_are_new_each_time_and_offsets_become_ranges) {
  EXPECT_NE(new_mend_id(), new_mend_id());
  EXPECT_THAT(to_ranges({Offset(1), Offset(2), Offset(4)}),
              ElementsAre(OffsetRange{Offset(1), Offset(2)}, OffsetRange{Offset(4), Offset(4)}));
}

}  // namespace
}  // namespace freshet::pipeline
