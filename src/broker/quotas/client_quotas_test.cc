#include "broker/quotas/client_quotas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/node_harness.h"

namespace freshet::broker {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

const QuotaName kNobody;

class ClientQuotasTest : public NodeHarness {
 protected:
  ClientQuotas& quotas() { return node_->services().quotas; }
  void set(QuotaEntity entity, std::optional<double> limit, QuotaKind kind = QuotaKind::kProduce) {
    std::optional<bool> done;
    quotas().change({{std::move(entity), kind, limit}}, [&](const Result<void>& written) {
      loop_.post([&done, ok = written.has_value()] { done = ok; });
    });
    ASSERT_TRUE(loop_.run_until([&] { return done.has_value(); }));
    ASSERT_TRUE(*done);
  }
  Millis charge(const std::string& user, const std::string& id, double bytes,
                QuotaKind kind = QuotaKind::kProduce) {
    return quotas().charge(kind, {user, id}, bytes);
  }
};

TEST_F(ClientQuotasTest, who_has_no_limit_never_waits) {
  EXPECT_FALSE(quotas().any());
  EXPECT_EQ(charge("ada", "c", 1e12), Millis(0));
  set({QuotaName::of("bob"), kNobody}, 1000);
  EXPECT_TRUE(quotas().any());
  EXPECT_EQ(charge("ada", "c", 1e12), Millis(0));
  EXPECT_EQ(charge("bob", "c", 1e12, QuotaKind::kConsume), Millis(0)) << "of another kind";
}

TEST_F(ClientQuotasTest, the_wait_makes_the_rate_true) {
  set({QuotaName::of("ada"), kNobody}, 1000);
  EXPECT_EQ(charge("ada", "c", 1000), Millis(0)) << "one second's worth at once";
  EXPECT_EQ(charge("ada", "c", 500), Millis(500));
  clock_.advance(Millis(500));
  EXPECT_EQ(charge("ada", "c", 100), Millis(100));
  EXPECT_EQ(charge("ada", "c", 1e9), kQuotaWaitMax);
  clock_.advance(kQuotaWaitMax + Millis(5'000));
  EXPECT_EQ(charge("ada", "c", 1100), Millis(100)) << "silence saves up no more than a second";
}

TEST_F(ClientQuotasTest, the_closest_entity_counts) {
  const auto ada = QuotaName::of("ada");
  const auto c = QuotaName::of("c");
  // Each of them would make a charge of 1,000 wait for its own number of milliseconds.
  const auto limit_of = [](double wait_ms) { return 1000 / (1 + wait_ms / 1000); };
  const std::vector<std::pair<QuotaEntity, int>> by_weakness = {
      {{kNobody, QuotaName::any()}, 100}, {{kNobody, c}, 200},
      {{QuotaName::any(), kNobody}, 300}, {{QuotaName::any(), QuotaName::any()}, 400},
      {{QuotaName::any(), c}, 500},       {{ada, kNobody}, 600},
      {{ada, QuotaName::any()}, 700},     {{ada, c}, 800}};
  for (const auto& [entity, wait_ms] : by_weakness) {
    set(entity, limit_of(wait_ms));
    clock_.advance(kQuotaWaitMax * 2);
    EXPECT_NEAR(static_cast<double>(charge("ada", "c", 1000).count()), wait_ms, 1);
  }
}

TEST_F(ClientQuotasTest, a_user_shares_its_limit_and_a_default_gives_each_its_own) {
  set({QuotaName::of("ada"), kNobody}, 1000);
  EXPECT_EQ(charge("ada", "one", 1000), Millis(0));
  EXPECT_EQ(charge("ada", "two", 1000), Millis(1000));
  set({QuotaName::any(), kNobody}, 1000);
  EXPECT_EQ(charge("bob", "one", 1000), Millis(0));
  EXPECT_EQ(charge("eve", "one", 1000), Millis(0));
}

TEST_F(ClientQuotasTest, limits_outlive_a_restart_until_they_are_taken_away) {
  const QuotaEntity both{QuotaName::of("a/b"), QuotaName::any()};
  set(both, 1000);
  set(both, 2.5, QuotaKind::kRequest);
  reopen();
  EXPECT_THAT(quotas().list(), UnorderedElementsAre(Pair(
                                   both, UnorderedElementsAre(Pair(QuotaKind::kProduce, 1000),
                                                              Pair(QuotaKind::kRequest, 2.5)))));
  set(both, std::nullopt);
  set(both, std::nullopt, QuotaKind::kRequest);
  EXPECT_FALSE(quotas().any());
  reopen();
  EXPECT_FALSE(quotas().any());
}

TEST_F(ClientQuotasTest, invented_client_ids_do_not_fill_the_memory) {
  set({kNobody, QuotaName::any()}, 1000);
  for (int i = 0; i < 11'000; ++i) charge("ada", std::to_string(i), 2000);
  EXPECT_GT(charge("ada", "11000", 1), Millis(0)) << "the rest share one account";
}

TEST(QuotaKeys, are_read_back_and_broken_ones_are_refused) {
  const QuotaKey key{{QuotaName::of("ada"), QuotaName::any()}, QuotaKind::kConsume};
  const std::string bytes = encode_quota_key(key);
  const auto read = decode_quota_key(bytes);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->entity, key.entity);
  EXPECT_EQ((*read)->kind, key.kind);
  for (size_t size = 6; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_quota_key(bytes.substr(0, size))) << size;
  }
  const auto other = decode_quota_key("scram/1/ada");
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other);
}

}  // namespace
}  // namespace freshet::broker
