// Messages to bytes and back, by their schema tables.
//
//   FRESHET_ASSIGN(auto header, decode_request_header(frame));       // takes the header off
//   FRESHET_ASSIGN(auto fetch, decode_message<FetchRequest>(frame, header.api_version));
//   EncodedFrame reply = encode_response(header, response);          // size, header, body
//
// Pure: no I/O, no state; any thread. Decoding never allocates by a length that the frame cannot
// hold, ignores unknown tagged fields and bytes after the last field (as Apache Kafka does), and
// says which field was wrong. Nesting is bounded by the schemas, which do not recurse.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/api.h"
#include "kafka/wire/reader.h"
#include "kafka/wire/schema.h"
#include "kafka/wire/writer.h"

namespace freshet::kafka {

using wire::EncodedFrame;

/// The C++ values decoded from one frame never take more memory, however small their bytes were.
inline constexpr size_t kDecodedBytesMax = 256 << 20;

/// A request or response of one API: has kApi, kName and schema().
template <class M>
concept Message = wire::Described<M> && requires {
  { M::kApi } -> std::convertible_to<ApiKey>;
  { M::kName } -> std::convertible_to<std::string_view>;
};

struct RequestHeader {
  int16_t api_key = 0;  // as sent: may be none of ApiKey
  int16_t api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string> client_id;
  bool operator==(const RequestHeader&) const = default;
};

/// Takes the request header (version 1, or 2 from the API's first flexible version on) off `frame`,
/// which begins after the four size bytes. An unknown key reads as version 1, so that the caller
/// can say which key it was.
Result<RequestHeader> decode_request_header(std::string_view& frame);

/// Takes a response header off `frame` and returns the correlation id. ApiVersions always answers
/// with header version 0, every other flexible response with version 1.
Result<int32_t> decode_response_header(std::string_view& frame, ApiKey api, int16_t version);

namespace wire {

struct MessageInfo {
  ApiKey api;
  std::string_view name;
  const TypeInfo& type;
};
template <Message M>
inline constexpr MessageInfo kMessageInfo{M::kApi, M::kName, kMessageType<M>};

/// The interpreter behind the templates below; `object` is of the type that `info` describes.
Result<void> decode(const MessageInfo& info, std::string_view body, int16_t version, void* object);
void encode(const MessageInfo& info, const void* object, int16_t version, Writer& writer);
EncodedFrame encode_request_frame(const MessageInfo& info, const RequestHeader& header,
                                  const void* object);
EncodedFrame encode_response_frame(const MessageInfo& info, int32_t correlation_id, int16_t version,
                                   const void* object);

/// A struct outside the request and response messages, such as the blobs of the consumer protocol:
/// `flexible` as its own specification says.
Result<void> decode_struct(const TypeInfo& type, Reader& reader, int16_t version, bool flexible,
                           void* object);
void encode_struct(const TypeInfo& type, const void* object, int16_t version, bool flexible,
                   Writer& writer);

}  // namespace wire

/// `body` follows the header. Borrowed members (records) point into it. kUnsupported: a version
/// outside api_info(); kCorrupt: bytes that do not fit the schema; kTooLarge: over
/// kDecodedBytesMax.
template <Message M>
Result<M> decode_message(std::string_view body, int16_t version) {
  M message;
  FRESHET_TRY(wire::decode(wire::kMessageInfo<M>, body, version, &message));
  return message;
}

/// Writes the body only. Members that the version does not have are left out silently.
template <Message M>
void encode_message(const M& message, int16_t version, wire::Writer& writer) {
  wire::encode(wire::kMessageInfo<M>, &message, version, writer);
}

/// Size, header and body; header.api_key is set from the message.
template <Message M>
EncodedFrame encode_request(const RequestHeader& header, const M& message) {
  return wire::encode_request_frame(wire::kMessageInfo<M>, header, &message);
}

/// Size, header and body of the answer to a request of that correlation id and version.
template <Message M>
EncodedFrame encode_response(int32_t correlation_id, int16_t version, const M& message) {
  return wire::encode_response_frame(wire::kMessageInfo<M>, correlation_id, version, &message);
}
template <Message M>
EncodedFrame encode_response(const RequestHeader& request, const M& message) {
  return encode_response(request.correlation_id, request.api_version, message);
}

}  // namespace freshet::kafka
