#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <tuple>
#include <utility>

#include "broker/node_harness.h"
#include "kafka/messages/all.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using AlterRequest = kafka::AlterClientQuotasRequest;
using Component = kafka::DescribeClientQuotasRequest::Component;

class ClientQuotaHandlers : public NodeHarness {
 protected:
  std::vector<ErrorCode> alter(std::vector<AlterRequest::Entry> entries, bool validate_only = false,
                               int16_t version = 1) {
    AlterRequest request;
    request.entries = std::move(entries);
    request.validate_only = validate_only;
    answer_ = ask<kafka::AlterClientQuotasResponse>(request, version);
    std::vector<ErrorCode> codes;
    for (const auto& entry : answer_.entries) codes.push_back(entry.error_code);
    return codes;
  }
  std::vector<kafka::DescribeClientQuotasResponse::Entry> describe(
      std::vector<Component> components, bool strict = false, int16_t version = 1) {
    kafka::DescribeClientQuotasRequest request;
    request.components = std::move(components);
    request.strict = strict;
    return ask<kafka::DescribeClientQuotasResponse>(request, version).entries.value();
  }
  int32_t throttled_produce(const std::string& bytes) {
    return ask<kafka::ProduceResponse>(produce_request("t", bytes), 9).throttle_time_ms;
  }

  /// Asks as a client that has to wait, with a request as it is without any setting; an API whose
  /// answers have no field for the wait is passed over.
  template <class Request, class Response>
  void ask_over_share() {
    if constexpr (requires { Response().throttle_time_ms; }) {
      const kafka::ApiInfo& api = kafka::api_info(Request::kApi);
      if (!api.advertised) return;
      Request request;
      if constexpr (requires { request.acks; }) request.acks = -1;  // else there is no answer
      muted_ = Millis(0);
      was_told(Request::kName, ask<Response>(request, api.version_max).throttle_time_ms);
    }
  }
  void was_told(std::string_view api, int64_t wait_ms) {
    EXPECT_GT(wait_ms, 4'000) << api;
    EXPECT_TRUE(await_muted(wait_ms)) << api;
    ++told_;
  }

  kafka::AlterClientQuotasResponse answer_;
  size_t told_ = 0;
};

TEST_F(ClientQuotaHandlers, limits_are_set_described_and_removed_in_every_version) {
  for (int16_t version = 0; version <= 1; ++version) {
    EXPECT_THAT(
        alter({{{{"user", "ada"}, {"client-id", std::nullopt}},
                {{"producer_byte_rate", 1000.0, false}, {"request_percentage", 12.5, false}}}},
              /*validate_only=*/false, version),
        ElementsAre(ErrorCode::kNone));
    const auto all = describe({}, false, version);
    ASSERT_THAT(all, SizeIs(1));
    ASSERT_THAT(all[0].entity, SizeIs(2));
    EXPECT_EQ(all[0].entity[0].entity_name, "ada");
    EXPECT_EQ(all[0].entity[1].entity_type, "client-id");
    EXPECT_FALSE(all[0].entity[1].entity_name);
    ASSERT_THAT(all[0].values, SizeIs(2));
    EXPECT_EQ(all[0].values[0].key, "producer_byte_rate");
    EXPECT_EQ(all[0].values[0].value, 1000.0);
    EXPECT_EQ(all[0].values[1].value, 12.5);
    EXPECT_THAT(alter({{{{"user", "ada"}, {"client-id", std::nullopt}},
                        {{"producer_byte_rate", 0.0, true}, {"request_percentage", 0.0, true}}}}),
                ElementsAre(ErrorCode::kNone));
    EXPECT_THAT(describe({}), SizeIs(0));
  }
}

TEST_F(ClientQuotaHandlers, filters_choose_by_name_by_default_and_by_kind) {
  const AlterRequest::Op limit{"consumer_byte_rate", 10.0, false};
  alter({{{{"user", "ada"}}, {limit}},
         {{{"user", std::nullopt}}, {limit}},
         {{{"user", "ada"}, {"client-id", "c"}}, {limit}},
         {{{"client-id", "c"}}, {limit}}});
  EXPECT_THAT(describe({}), SizeIs(4));
  EXPECT_THAT(describe({{"user", 2, std::nullopt}}), SizeIs(3));
  EXPECT_THAT(describe({{"user", 2, std::nullopt}}, /*strict=*/true), SizeIs(2));
  EXPECT_THAT(describe({{"user", 0, "ada"}}), SizeIs(2));
  EXPECT_THAT(describe({{"user", 1, std::nullopt}}), SizeIs(1));
  EXPECT_THAT(describe({{"user", 0, "ada"}, {"client-id", 0, "c"}}, /*strict=*/true), SizeIs(1));
  EXPECT_THAT(describe({{"ip", 2, std::nullopt}}), SizeIs(0));
}

TEST_F(ClientQuotaHandlers, impossible_limits_are_refused_and_so_are_those_that_would_not_hold) {
  const std::vector<AlterRequest::Entity> user = {{"user", "ada"}};
  EXPECT_THAT(alter({{user, {{"bogus", 1.0, false}}},
                     {{{"ip", "10.0.0.1"}}, {{"producer_byte_rate", 1.0, false}}},
                     {user, {{"producer_byte_rate", -1.0, false}}},
                     {user, {{"producer_byte_rate", 1.5, false}}},
                     {{}, {}},
                     {user, {{"controller_mutation_rate", 1.0, false}}},
                     {{{"ip", "10.0.0.1"}}, {{"connection_creation_rate", 1.0, false}}}}),
              ElementsAre(ErrorCode::kInvalidRequest, ErrorCode::kInvalidRequest,
                          ErrorCode::kInvalidRequest, ErrorCode::kInvalidRequest,
                          ErrorCode::kInvalidRequest, ErrorCode::kUnsupportedVersion,
                          ErrorCode::kUnsupportedVersion));
  EXPECT_THAT(answer_.entries[5].error_message.value_or(""), HasSubstr("not supported yet"));
  EXPECT_THAT(alter({{user, {{"producer_byte_rate", 1.0, false}}}}, /*validate_only=*/true),
              ElementsAre(ErrorCode::kNone));
  EXPECT_THAT(describe({}), SizeIs(0));
}

TEST_F(ClientQuotaHandlers, producers_and_consumers_over_their_limit_are_told_and_muted) {
  create("t");
  const std::string bytes = batch({{now_ms(), std::string(10'000, 'x')}});
  EXPECT_EQ(throttled_produce(bytes), 0);
  alter({{{{"user", "ANONYMOUS"}}, {{"producer_byte_rate", 10'000.0, false}}},
         {{{"client-id", "test"}}, {{"consumer_byte_rate", 5'000.0, false}}}});
  EXPECT_LT(throttled_produce(bytes), 100) << "about one second's worth";
  const int32_t wait = throttled_produce(bytes);
  EXPECT_GT(wait, 900);
  EXPECT_TRUE(await_muted(wait));

  muted_ = Millis(0);
  kafka::FetchRequest request;
  request.max_wait_ms = 0;
  request.max_bytes = 1 << 20;
  request.topics.emplace_back().topic = "t";
  auto& partition = request.topics[0].partitions.emplace_back();
  partition.partition_max_bytes = 1 << 20;
  const auto fetched = ask<kafka::FetchResponse>(request, 12);
  EXPECT_GT(fetched.throttle_time_ms, 4'000) << "30 kB at 5 kB a second, one second free";
  EXPECT_TRUE(await_muted(fetched.throttle_time_ms));
  EXPECT_EQ(muted_.count(), fetched.throttle_time_ms);
}

TEST_F(ClientQuotaHandlers, every_answer_says_how_long_a_client_over_its_share_of_time_waits) {
  alter({{{{"client-id", "test"}}, {{"request_percentage", 1.0, false}}}});
  node_->services().quotas.charge(QuotaKind::kRequest, {.client_id = "test"}, 1e9);
  constexpr size_t kApis = std::tuple_size_v<kafka::AllMessages> / 2;
  [this]<size_t... I>(std::index_sequence<I...>) {
    (ask_over_share<std::tuple_element_t<2 * I, kafka::AllMessages>,
                    std::tuple_element_t<2 * I + 1, kafka::AllMessages>>(),
     ...);
  }(std::make_index_sequence<kApis>());
  EXPECT_GE(told_, 42U) << "all but the two of SASL and DescribeQuorum";
}

TEST_F(ClientQuotaHandlers, a_client_within_its_share_of_time_hears_nothing_of_it) {
  alter({{{{"client-id", "test"}}, {{"request_percentage", 1.0, false}}}});
  EXPECT_EQ(ask<kafka::ListGroupsResponse>(kafka::ListGroupsRequest(), 4).throttle_time_ms, 0);
  EXPECT_EQ(muted_.count(), 0);
}

}  // namespace
}  // namespace freshet::broker
