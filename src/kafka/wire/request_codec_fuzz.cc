// The bytes that any stranger may send to port 9092: a request frame without its size. What can be
// decoded must encode, and the encoding must decode to the same message.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kafka/consumer_protocol.h"
#include "kafka/messages/all.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

template <Message M>
void check_round_trip(std::string_view body, int16_t version) {
  const auto message = decode_message<M>(body, version);
  if (!message) return;
  wire::Writer writer;
  encode_message(*message, version, writer);
  const std::string encoded = std::move(writer).finish().flatten();
  const auto again = decode_message<M>(encoded, version);
  FRESHET_CHECK(again.has_value(), "{}", again.error().message());
  FRESHET_CHECK(*again == *message, "{} {} changed", M::kName, version);
}

template <Message M>
void check_if_named(const RequestHeader& header, std::string_view body) {
  if (static_cast<int16_t>(M::kApi) == header.api_key) {
    check_round_trip<M>(body, header.api_version);
  }
}

}  // namespace
}  // namespace freshet::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::kafka;
  std::string_view frame(reinterpret_cast<const char*>(data), size);
  [[maybe_unused]] const auto subscription = decode_subscription(frame);
  [[maybe_unused]] const auto assignment = decode_assignment(frame);
  const auto header = decode_request_header(frame);
  if (!header) return 0;
  // Requests and responses of the named API read the same bytes: both decoders see strange input.
  std::apply(
      [&](const auto&... message) {
        (check_if_named<std::decay_t<decltype(message)>>(*header, frame), ...);
      },
      AllMessages());
  return 0;
}
