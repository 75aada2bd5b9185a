#include "kafka/wire/codec.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace freshet::kafka {
namespace wire {
namespace {

/// Bytes that the smallest value of `type` takes on the wire.
size_t size_min(const TypeInfo& type, int16_t version, bool flexible) {
  switch (type.kind) {
    case Kind::kBool:
    case Kind::kInt8:
      return 1;
    case Kind::kInt16:
    case Kind::kUint16:
      return 2;
    case Kind::kInt32:
      return 4;
    case Kind::kInt64:
    case Kind::kFloat64:
      return 8;
    case Kind::kUuid:
      return sizeof(TopicId::bytes);
    case Kind::kString:
      return flexible ? 1 : 2;
    case Kind::kBytes:
    case Kind::kRecordsView:
    case Kind::kRecordSlices:
    case Kind::kArray:
      return flexible ? 1 : 4;
    case Kind::kOptional:
      return type.inner->kind == Kind::kStruct ? 1 : size_min(*type.inner, version, flexible);
    case Kind::kStruct:
      break;
  }
  size_t sum = flexible ? 1 : 0;
  for (const auto& field : type.fields) {
    if (!field.versions.contains(version) || field.tagged_versions.contains(version)) continue;
    sum += size_min(*field.type, version, flexible);
  }
  return sum;
}

class Decoder {
 public:
  Decoder(Reader& reader, int16_t version, bool flexible)
      : reader_(reader), version_(version), flexible_(flexible) {}

  void read_struct(const TypeInfo& type, void* object) {
    for (const auto& field : type.fields) {
      if (!field.versions.contains(version_) || field.tagged_versions.contains(version_)) continue;
      read_field(field, object);
      if (reader_.failed()) [[unlikely]]
        return;
    }
    if (flexible_) read_tagged_fields(type, object);
  }

  /// "topics[3].name" of the field that failed, empty if none was open.
  [[nodiscard]] const std::string& failed_path() const { return path_; }

 private:
  void read_field(const FieldInfo& field, void* object) {
    read_value(*field.type, field.nullable_versions.contains(version_), field.member(object));
    if (reader_.failed()) [[unlikely]]
      prepend(field.name, '.');
  }

  void prepend(std::string_view part, char separator) {
    const bool joined = !path_.empty() && path_.front() != '[' && separator != '\0';
    path_ = fmt::format("{}{}{}", part, joined ? std::string_view(&separator, 1) : "", path_);
  }

  void read_tagged_fields(const TypeInfo& type, void* object) {
    for (uint32_t left = reader_.unsigned_varint(); left > 0 && !reader_.failed(); --left) {
      const uint32_t tag = reader_.unsigned_varint();
      const uint32_t size = reader_.unsigned_varint();
      const FieldInfo* field = find_tagged(type, tag);
      if (field == nullptr) {
        reader_.take(size);
        continue;
      }
      const size_t before = reader_.position();
      read_field(*field, object);
      if (!reader_.failed() && reader_.position() - before != size) {
        reader_.fail(Errc::kCorrupt, fmt::format("tagged field {} takes {} bytes instead of {}",
                                                 tag, reader_.position() - before, size));
        prepend(field->name, '.');
      }
    }
  }

  const FieldInfo* find_tagged(const TypeInfo& type, uint32_t tag) const {
    for (const auto& field : type.fields) {
      if (field.tag == tag && field.tagged_versions.contains(version_)) return &field;
    }
    return nullptr;
  }

  int32_t read_length(Kind kind) {
    if (flexible_) return reader_.compact_length();
    return kind == Kind::kString ? reader_.length16() : reader_.length32();
  }

  void read_value(const TypeInfo& type, bool nullable, void* object) {
    switch (type.kind) {
      case Kind::kBool:
        *static_cast<bool*>(object) = reader_.fixed<int8_t>() != 0;
        return;
      case Kind::kInt8:
        *static_cast<int8_t*>(object) = reader_.fixed<int8_t>();
        return;
      case Kind::kInt16:
        store(object, reader_.fixed<int16_t>());
        return;
      case Kind::kUint16:
        store(object, static_cast<uint16_t>(reader_.fixed<int16_t>()));
        return;
      case Kind::kInt32:
        store(object, reader_.fixed<int32_t>());
        return;
      case Kind::kInt64:
        store(object, reader_.fixed<int64_t>());
        return;
      case Kind::kFloat64:
        store(object, std::bit_cast<double>(reader_.fixed<int64_t>()));
        return;
      case Kind::kUuid: {
        auto& id = *static_cast<TopicId*>(object);
        const auto raw = reader_.take(id.bytes.size());
        if (!raw.empty()) std::memcpy(id.bytes.data(), raw.data(), raw.size());
        return;
      }
      case Kind::kStruct:
        return read_struct(type, object);
      case Kind::kOptional:
        return read_optional(type, nullable, object);
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kRecordsView:
      case Kind::kRecordSlices:
      case Kind::kArray:
        break;
    }
    const int32_t length = read_length(type.kind);
    if (reader_.failed()) return;
    if (length >= 0) return read_sized(type, static_cast<size_t>(length), object);
    if (!nullable) reader_.fail(Errc::kCorrupt, "null where a value is required");
  }

  void read_optional(const TypeInfo& type, bool nullable, void* object) {
    if (type.inner->kind == Kind::kStruct) {
      if (reader_.fixed<int8_t>() >= 0) return read_struct(*type.inner, type.emplace(object));
    } else {
      const int32_t length = read_length(type.inner->kind);
      if (reader_.failed()) return;
      if (length >= 0) {
        return read_sized(*type.inner, static_cast<size_t>(length), type.emplace(object));
      }
    }
    if (!nullable) reader_.fail(Errc::kCorrupt, "null where a value is required");
    type.reset(object);
  }

  void read_sized(const TypeInfo& type, size_t length, void* object) {
    switch (type.kind) {
      case Kind::kString:
        // Compact lengths could say more; no name may that cannot be answered in older versions.
        if (length > size_t{INT16_MAX}) {
          return reader_.fail(Errc::kCorrupt, "a string is longer than 32,767 bytes");
        }
        [[fallthrough]];
      case Kind::kBytes:
        static_cast<std::string*>(object)->assign(reader_.take(length));
        return;
      case Kind::kRecordsView:
        static_cast<std::optional<std::string_view>*>(object)->emplace(reader_.take(length));
        return;
      case Kind::kRecordSlices: {
        // Null and empty are the same to every reader of records: no slices.
        auto& slices = *static_cast<std::vector<LogSlice>*>(object);
        slices.clear();
        if (length > 0) slices.push_back({.owner = nullptr, .bytes = reader_.take(length)});
        return;
      }
      default:
        return read_array(type, length, object);
    }
  }

  void read_array(const TypeInfo& type, size_t count, void* object) {
    const TypeInfo& element = *type.inner;
    if (count > reader_.remaining() / size_min(element, version_, flexible_)) {
      reader_.fail(Errc::kCorrupt, fmt::format("{} elements do not fit in the {} bytes left", count,
                                               reader_.remaining()));
      return;
    }
    allocated_ += count * element.size_of;
    if (allocated_ > kDecodedBytesMax) {
      reader_.fail(Errc::kTooLarge,
                   fmt::format("the message would take more than {} bytes of memory: send fewer "
                               "topics or partitions in one request",
                               kDecodedBytesMax));
      return;
    }
    type.reserve(object, count);
    for (size_t i = 0; i < count; ++i) {
      read_value(element, /*nullable=*/false, type.append(object));
      if (reader_.failed()) [[unlikely]]
        return prepend(fmt::format("[{}]", i), '.');
    }
  }

  template <class T>
  static void store(void* object, T value) {
    std::memcpy(object, &value, sizeof value);  // the member may be an enum of that type
  }

  Reader& reader_;
  const int16_t version_;
  const bool flexible_;
  size_t allocated_ = 0;
  std::string path_;
};

class Encoder {
 public:
  Encoder(Writer& writer, int16_t version, bool flexible)
      : writer_(writer), version_(version), flexible_(flexible) {}

  void write_struct(const TypeInfo& type, const void* object) {
    for (const auto& field : type.fields) {
      if (!field.versions.contains(version_) || field.tagged_versions.contains(version_)) continue;
      write_value(*field.type, field.nullable_versions.contains(version_), field.member_of(object));
    }
    if (flexible_) write_tagged_fields(type, object);
  }

 private:
  [[nodiscard]] bool is_sent_tagged(const FieldInfo& field, const void* object) const {
    return field.tagged_versions.contains(version_) && !field.is_default(object);
  }

  void write_tagged_fields(const TypeInfo& type, const void* object) {
    uint32_t count = 0;
    for (const auto& field : type.fields) count += is_sent_tagged(field, object) ? 1 : 0;
    writer_.unsigned_varint(count);
    if (count == 0) return;
    for (const auto& field : type.fields) {
      if (!is_sent_tagged(field, object)) continue;
      Writer content;
      Encoder(content, version_, flexible_)
          .write_value(*field.type, field.nullable_versions.contains(version_),
                       field.member_of(object));
      writer_.unsigned_varint(field.tag);
      writer_.unsigned_varint(static_cast<uint32_t>(content.size()));
      writer_.append(std::move(content));
    }
  }

  void write_length(Kind kind, size_t length) {
    if (flexible_) return writer_.compact_length(length);
    if (kind == Kind::kString) {
      FRESHET_CHECK_LE(length, size_t{INT16_MAX});
      return writer_.fixed(static_cast<int16_t>(length));
    }
    FRESHET_CHECK_LE(length, size_t{INT32_MAX});
    writer_.fixed(static_cast<int32_t>(length));
  }

  void write_null(Kind kind, bool nullable) {
    if (!nullable) return write_length(kind, 0);
    if (flexible_) return writer_.compact_null();
    if (kind == Kind::kString) return writer_.fixed<int16_t>(-1);
    writer_.fixed<int32_t>(-1);
  }

  void write_value(const TypeInfo& type, bool nullable, const void* object) {
    switch (type.kind) {
      case Kind::kBool:
        return writer_.fixed<int8_t>(*static_cast<const bool*>(object) ? 1 : 0);
      case Kind::kInt8:
        return writer_.fixed(*static_cast<const int8_t*>(object));
      case Kind::kInt16:
        return writer_.fixed(load<int16_t>(object));
      case Kind::kUint16:
        return writer_.fixed(static_cast<int16_t>(load<uint16_t>(object)));
      case Kind::kInt32:
        return writer_.fixed(load<int32_t>(object));
      case Kind::kInt64:
        return writer_.fixed(load<int64_t>(object));
      case Kind::kFloat64:
        return writer_.fixed(std::bit_cast<int64_t>(load<double>(object)));
      case Kind::kUuid: {
        const auto& id = static_cast<const TopicId*>(object)->bytes;
        return writer_.raw({reinterpret_cast<const char*>(id.data()), id.size()});
      }
      case Kind::kString:
      case Kind::kBytes: {
        std::string_view text = *static_cast<const std::string*>(object);
        // Strings that were read are short enough; a sentence around a long name may not be.
        if (type.kind == Kind::kString) text = text.substr(0, size_t{INT16_MAX});
        write_length(type.kind, text.size());
        return writer_.raw(text);
      }
      case Kind::kRecordsView: {
        const auto& records = *static_cast<const std::optional<std::string_view>*>(object);
        if (!records) return write_null(type.kind, nullable);
        write_length(type.kind, records->size());
        return writer_.raw(*records);
      }
      case Kind::kRecordSlices:
        return write_slices(*static_cast<const std::vector<LogSlice>*>(object));
      case Kind::kArray: {
        const size_t count = type.count(object);
        write_length(type.kind, count);
        for (size_t i = 0; i < count; ++i) {
          write_value(*type.inner, /*nullable=*/false, type.at(object, i));
        }
        return;
      }
      case Kind::kOptional:
        return write_optional(type, nullable, object);
      case Kind::kStruct:
        return write_struct(type, object);
    }
  }

  void write_optional(const TypeInfo& type, bool nullable, const void* object) {
    const void* value = type.value(object);
    if (type.inner->kind == Kind::kStruct) {
      writer_.fixed<int8_t>(value != nullptr ? 1 : -1);
      if (value != nullptr) write_struct(*type.inner, value);
      return;
    }
    if (value == nullptr) return write_null(type.inner->kind, nullable);
    write_value(*type.inner, nullable, value);
  }

  void write_slices(const std::vector<LogSlice>& slices) {
    size_t size = 0;
    for (const auto& slice : slices) size += slice.bytes.size();
    write_length(Kind::kRecordSlices, size);
    for (const auto& slice : slices) writer_.splice(slice);
  }

  template <class T>
  static T load(const void* object) {
    T value;
    std::memcpy(&value, object, sizeof value);
    return value;
  }

  Writer& writer_;
  const int16_t version_;
  const bool flexible_;
};

EncodedFrame finish_frame(Writer&& writer) {
  const size_t size = writer.size() - sizeof(int32_t);
  FRESHET_CHECK_LE(size, size_t{INT32_MAX});
  writer.patch_int32(0, static_cast<int32_t>(size));
  return std::move(writer).finish();
}

}  // namespace

Result<void> decode_struct(const TypeInfo& type, Reader& reader, int16_t version, bool flexible,
                           void* object) {
  Decoder decoder(reader, version, flexible);
  decoder.read_struct(type, object);
  auto status = reader.status();
  if (!status && !decoder.failed_path().empty()) {
    return std::unexpected(std::move(status).error().with_context(decoder.failed_path()));
  }
  return status;
}

void encode_struct(const TypeInfo& type, const void* object, int16_t version, bool flexible,
                   Writer& writer) {
  Encoder(writer, version, flexible).write_struct(type, object);
}

Result<void> decode(const MessageInfo& info, std::string_view body, int16_t version, void* object) {
  const ApiInfo& api = api_info(info.api);
  if (!api.supports(version)) {
    return fail(Errc::kUnsupported, "{} version {} is not supported; versions {} to {} are",
                info.name, version, api.version_min, api.version_max);
  }
  Reader reader(body);
  FRESHET_TRY_CONTEXT(decode_struct(info.type, reader, version, api.is_flexible(version), object),
                      "{} version {}", info.name, version);
  return {};
}

void encode(const MessageInfo& info, const void* object, int16_t version, Writer& writer) {
  const ApiInfo& api = api_info(info.api);
  FRESHET_CHECK(api.supports(version), "{} version {}", info.name, version);
  encode_struct(info.type, object, version, api.is_flexible(version), writer);
}

EncodedFrame encode_request_frame(const MessageInfo& info, const RequestHeader& header,
                                  const void* object) {
  Writer writer;
  writer.fixed<int32_t>(0);  // patched with the size
  writer.fixed(static_cast<int16_t>(info.api));
  writer.fixed(header.api_version);
  writer.fixed(header.correlation_id);
  if (header.client_id) {
    FRESHET_CHECK_LE(header.client_id->size(), size_t{INT16_MAX});
    writer.fixed(static_cast<int16_t>(header.client_id->size()));
    writer.raw(*header.client_id);
  } else {
    writer.fixed<int16_t>(-1);
  }
  if (api_info(info.api).is_flexible(header.api_version)) writer.unsigned_varint(0);
  encode(info, object, header.api_version, writer);
  return finish_frame(std::move(writer));
}

EncodedFrame encode_response_frame(const MessageInfo& info, int32_t correlation_id, int16_t version,
                                   const void* object) {
  Writer writer;
  writer.fixed<int32_t>(0);  // patched with the size
  writer.fixed(correlation_id);
  const bool flexible = api_info(info.api).is_flexible(version);
  if (flexible && info.api != ApiKey::kApiVersions) writer.unsigned_varint(0);
  encode(info, object, version, writer);
  return finish_frame(std::move(writer));
}

}  // namespace wire

Result<RequestHeader> decode_request_header(std::string_view& frame) {
  wire::Reader reader(frame);
  RequestHeader header;
  header.api_key = reader.fixed<int16_t>();
  header.api_version = reader.fixed<int16_t>();
  header.correlation_id = reader.fixed<int32_t>();
  // Never compact, not even in header version 2: brokers must read it before they know the version.
  const int32_t length = reader.length16();
  if (length >= 0) header.client_id.emplace(reader.take(static_cast<size_t>(length)));
  const ApiInfo* api = find_api(header.api_key);
  if (api != nullptr && api->is_flexible(header.api_version)) reader.skip_tagged_fields();
  FRESHET_TRY_CONTEXT(reader.status(), "request header");
  frame = reader.rest();
  return header;
}

Result<int32_t> decode_response_header(std::string_view& frame, ApiKey api, int16_t version) {
  wire::Reader reader(frame);
  const auto correlation_id = reader.fixed<int32_t>();
  if (api != ApiKey::kApiVersions && api_info(api).is_flexible(version)) {
    reader.skip_tagged_fields();
  }
  FRESHET_TRY_CONTEXT(reader.status(), "response header");
  frame = reader.rest();
  return correlation_id;
}

}  // namespace freshet::kafka
