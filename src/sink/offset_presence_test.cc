#include "sink/offset_presence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::sink {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OffsetPresence, knows_what_is_there_and_what_is_there_twice) {
  OffsetPresence presence({.first = Offset(100), .last = Offset(300)});
  presence.add(Offset(100));
  presence.add(Offset(163));
  presence.add(Offset(164));
  presence.add(Offset(164));
  presence.add(Offset(300), 2);
  EXPECT_TRUE(presence.contains(Offset(163)));
  EXPECT_FALSE(presence.contains(Offset(101)));
  EXPECT_TRUE(presence.is_doubled(Offset(164)));
  EXPECT_FALSE(presence.is_doubled(Offset(163)));
  EXPECT_EQ(presence.count(), 4U);
  EXPECT_EQ(presence.doubled_count(), 2U);
  EXPECT_THAT(presence.offsets(), ElementsAre(Offset(100), Offset(163), Offset(164), Offset(300)));
  EXPECT_THAT(presence.doubled(), ElementsAre(Offset(164), Offset(300)));
}

TEST(OffsetPresence, ignores_offsets_outside_its_range) {
  OffsetPresence presence({.first = Offset(10), .last = Offset(10)});
  presence.add(Offset(9));
  presence.add(Offset(11));
  EXPECT_THAT(presence.offsets(), IsEmpty());
  EXPECT_FALSE(presence.contains(Offset(9)));
}

TEST(OffsetPresence, a_third_copy_is_still_one_doubled_offset) {
  OffsetPresence presence({.first = Offset(0), .last = Offset(0)});
  for (int i = 0; i < 3; ++i) presence.add(Offset(0));
  EXPECT_EQ(presence.doubled_count(), 1U);
  EXPECT_EQ(presence.count(), 1U);
}

}  // namespace
}  // namespace freshet::sink
