// The bytes that any stranger may send to port 9092: a request frame without its size. What can be
// decoded must encode, and the encoding must decode to what encodes like it. Every API of kApis is
// here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "kafka/consumer_protocol.h"
#include "kafka/messages/all.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

template <Message M>
std::string bytes_of(const M& message, int16_t version) {
  wire::Writer writer;
  encode_message(message, version, writer);
  return std::move(writer).finish().flatten();
}

template <Message M>
void check_round_trip(std::string_view body, int16_t version) {
  const auto message = decode_message<M>(body, version);
  if (!message) return;
  const std::string encoded = bytes_of(*message, version);
  const auto again = decode_message<M>(encoded, version);
  FRESHET_CHECK(again.has_value(), "{}", again.error().message());
  // By their bytes: a number that is none (NaN) equals nothing, itself included.
  FRESHET_CHECK_EQ(bytes_of(*again, version), encoded);
}

template <Message M>
void check_if_named(const RequestHeader& header, std::string_view body) {
  if (static_cast<int16_t>(M::kApi) == header.api_key) {
    check_round_trip<M>(body, header.api_version);
  }
}

/// How many of the messages belong to that API.
template <class... M>
constexpr int messages_of(ApiKey api, std::type_identity<std::tuple<M...>> /*all*/) {
  return (0 + ... + (M::kApi == api ? 1 : 0));
}
static_assert(std::ranges::all_of(kApis,
                                  [](const ApiInfo& api) {
                                    return messages_of(api.key,
                                                       std::type_identity<AllMessages>()) == 2;
                                  }),
              "every API has its request and its response in AllMessages");

}  // namespace
}  // namespace freshet::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::kafka;
  std::string_view frame(reinterpret_cast<const char*>(data), size);
  [[maybe_unused]] const auto subscription = decode_subscription(frame);
  [[maybe_unused]] const auto assignment = decode_assignment(frame);
  std::string_view response = frame;
  const auto header = decode_request_header(frame);
  if (!header) return 0;
  if (const auto* api = find_api(header->api_key); api != nullptr) {
    static_cast<void>(decode_response_header(response, api->key, header->api_version));
  }
  // Requests and responses of the named API read the same bytes: both decoders see strange input.
  std::apply(
      [&](const auto&... message) {
        (check_if_named<std::decay_t<decltype(message)>>(*header, frame), ...);
      },
      AllMessages());
  return 0;
}
