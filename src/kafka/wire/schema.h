// Describes a protocol message once: which fields it has in which versions, in wire order.
//
//   struct HeartbeatRequest {
//     static constexpr ApiKey kApi = ApiKey::kHeartbeat;
//     static constexpr std::string_view kName = "HeartbeatRequest";
//     std::string group_id;
//     std::optional<std::string> group_instance_id;
//     static constexpr auto schema() {
//       return std::array{
//           wire::field<&HeartbeatRequest::group_id>("group_id"),
//           wire::field<&HeartbeatRequest::group_instance_id>("group_instance_id", wire::since(3))
//               .nullable(),
//       };
//     }
//     bool operator==(const HeartbeatRequest&) const = default;
//   };
//
// The wire type follows from the C++ type of the member, the default from its initialiser. One
// interpreter (wire/codec.cc) reads and writes every message from these tables, so a message costs
// data, not code.
//
//   bool, int8_t … int64_t, an enum of these   fixed-width, big-endian
//   uint16_t                                   UINT16
//   double                                     FLOAT64
//   std::string                                STRING, or BYTES when described with bytes<>()
//   TopicId                                    UUID
//   std::vector<T>                             ARRAY
//   std::optional<T>                           NULLABLE string, bytes or array
//   std::optional<std::string_view>            RECORDS, borrowed: points into the decoded frame
//   std::vector<LogSlice>                      RECORDS, gathered: sent from where they lie
//   a struct with schema()                     its fields, then its tagged fields
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "kafka/group_consumer.h"
#include "model/topic_id.h"

namespace freshet::kafka::wire {

struct VersionRange {
  int16_t first = 1;
  int16_t last = 0;  // the default range is empty
  [[nodiscard]] constexpr bool contains(int16_t version) const {
    return version >= first && version <= last;
  }
};
constexpr VersionRange since(int16_t first) { return {first, std::numeric_limits<int16_t>::max()}; }
constexpr VersionRange between(int16_t first, int16_t last) { return {first, last}; }

enum class Kind : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kUint16,
  kInt32,
  kInt64,
  kFloat64,
  kUuid,
  kString,
  kBytes,
  kRecordsView,
  kRecordSlices,
  kArray,
  kOptional,
  kStruct,
};

struct FieldInfo;

/// How one C++ type is read and written; objects are passed as pointers to that type.
struct TypeInfo {
  Kind kind;
  size_t size_of;                                    // of the C++ type
  const TypeInfo* inner = nullptr;                   // array element, optional value
  std::span<const FieldInfo> fields = {};            // kStruct
  size_t (*count)(const void*) = nullptr;            // kArray
  void (*reserve)(void*, size_t) = nullptr;          // kArray: empties it and makes room
  void* (*append)(void*) = nullptr;                  // kArray: one more default element
  const void* (*at)(const void*, size_t) = nullptr;  // kArray
  const void* (*value)(const void*) = nullptr;       // kOptional: nullptr if it has none
  void* (*emplace)(void*) = nullptr;                 // kOptional
  void (*reset)(void*) = nullptr;                    // kOptional
};

struct FieldInfo {
  std::string_view name;
  const TypeInfo* type;
  void* (*member)(void* object);
  bool (*is_default)(const void* object);
  VersionRange versions;
  VersionRange nullable_versions = {};
  VersionRange tagged_versions = {};
  uint32_t tag = 0;

  /// Null is allowed on the wire in these of the field's versions; in others a null member is
  /// written as empty.
  [[nodiscard]] constexpr FieldInfo nullable(VersionRange range = since(0)) const {
    FieldInfo copy = *this;
    copy.nullable_versions = range;
    return copy;
  }
  /// In these of the field's versions sent as tagged field, and only if it differs from its
  /// default. A struct lists its tagged fields in the order of their tags.
  [[nodiscard]] constexpr FieldInfo tagged(uint32_t number, VersionRange range = since(0)) const {
    FieldInfo copy = *this;
    copy.tag = number;
    copy.tagged_versions = range;
    return copy;
  }
  [[nodiscard]] const void* member_of(const void* object) const {
    return member(const_cast<void*>(object));
  }
};

template <class T>
concept Described = requires { T::schema(); };

template <Described T>
inline constexpr auto kSchemaOf = T::schema();

namespace detail {

template <class T>
struct TypeOf;  // a member of this type has no wire form

template <class T>
inline constexpr TypeInfo kTypeOf = TypeOf<T>::make();

template <>
struct TypeOf<bool> {
  static constexpr TypeInfo make() { return {.kind = Kind::kBool, .size_of = sizeof(bool)}; }
};

template <class T>
  requires std::signed_integral<T>
struct TypeOf<T> {
  static constexpr TypeInfo make() {
    constexpr Kind kind = sizeof(T) == 1   ? Kind::kInt8
                          : sizeof(T) == 2 ? Kind::kInt16
                          : sizeof(T) == 4 ? Kind::kInt32
                                           : Kind::kInt64;
    return {.kind = kind, .size_of = sizeof(T)};
  }
};

template <>
struct TypeOf<uint16_t> {
  static constexpr TypeInfo make() { return {.kind = Kind::kUint16, .size_of = sizeof(uint16_t)}; }
};

template <>
struct TypeOf<double> {
  static constexpr TypeInfo make() { return {.kind = Kind::kFloat64, .size_of = sizeof(double)}; }
};

template <class T>
  requires std::is_enum_v<T>
struct TypeOf<T> : TypeOf<std::underlying_type_t<T>> {};

template <>
struct TypeOf<TopicId> {
  static constexpr TypeInfo make() { return {.kind = Kind::kUuid, .size_of = sizeof(TopicId)}; }
};

template <>
struct TypeOf<std::string> {
  static constexpr TypeInfo make() {
    return {.kind = Kind::kString, .size_of = sizeof(std::string)};
  }
};

template <>
struct TypeOf<std::optional<std::string_view>> {
  static constexpr TypeInfo make() {
    return {.kind = Kind::kRecordsView, .size_of = sizeof(std::optional<std::string_view>)};
  }
};

template <>
struct TypeOf<std::vector<LogSlice>> {
  static constexpr TypeInfo make() {
    return {.kind = Kind::kRecordSlices, .size_of = sizeof(std::vector<LogSlice>)};
  }
};

template <Described T>
struct TypeOf<T> {
  static constexpr TypeInfo make() {
    return {.kind = Kind::kStruct, .size_of = sizeof(T), .fields = kSchemaOf<T>};
  }
};

template <class T>
struct TypeOf<std::vector<T>> {
  using Vector = std::vector<T>;
  static_assert(!std::is_same_v<T, bool>);
  static constexpr TypeInfo make() {
    return {.kind = Kind::kArray,
            .size_of = sizeof(Vector),
            .inner = &kTypeOf<T>,
            .count = [](const void* v) { return static_cast<const Vector*>(v)->size(); },
            .reserve =
                [](void* v, size_t count) {
                  static_cast<Vector*>(v)->clear();
                  static_cast<Vector*>(v)->reserve(count);
                },
            .append = [](void* v) -> void* { return &static_cast<Vector*>(v)->emplace_back(); },
            .at = [](const void* v, size_t i) -> const void* {
              return &(*static_cast<const Vector*>(v))[i];
            }};
  }
};

template <class T>
struct TypeOf<std::optional<T>> {
  using Optional = std::optional<T>;
  static constexpr TypeInfo make() {
    return {.kind = Kind::kOptional,
            .size_of = sizeof(Optional),
            .inner = &kTypeOf<T>,
            .value = [](const void* v) -> const void* {
              const auto& optional = *static_cast<const Optional*>(v);
              return optional ? &*optional : nullptr;
            },
            .emplace = [](void* v) -> void* { return &static_cast<Optional*>(v)->emplace(); },
            .reset = [](void* v) { static_cast<Optional*>(v)->reset(); }};
  }
};

inline constexpr TypeInfo kBytesType = {.kind = Kind::kBytes, .size_of = sizeof(std::string)};
inline constexpr TypeInfo kNullableBytesType = [] {
  TypeInfo type = TypeOf<std::optional<std::string>>::make();
  type.inner = &kBytesType;
  return type;
}();
template <class T>
inline constexpr const TypeInfo* kBytesTypeOf = nullptr;
template <>
inline constexpr const TypeInfo* kBytesTypeOf<std::string> = &kBytesType;
template <>
inline constexpr const TypeInfo* kBytesTypeOf<std::optional<std::string>> = &kNullableBytesType;

template <class Member>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Class = C;
  using Type = T;
};

template <auto Member>
constexpr FieldInfo make_field(std::string_view name, const TypeInfo* type, VersionRange versions) {
  using Class = typename MemberOf<decltype(Member)>::Class;
  return {.name = name,
          .type = type,
          .member = [](void* object) -> void* { return &(static_cast<Class*>(object)->*Member); },
          .is_default =
              [](const void* object) {
                static const Class fresh{};
                return static_cast<const Class*>(object)->*Member == fresh.*Member;
              },
          .versions = versions};
}

}  // namespace detail

/// Describes one member; `name` is the protocol's name in snake_case. Without `versions`: in every
/// version that has the struct around it.
template <auto Member>
constexpr FieldInfo field(std::string_view name, VersionRange versions = since(0)) {
  using Type = typename detail::MemberOf<decltype(Member)>::Type;
  return detail::make_field<Member>(name, &detail::kTypeOf<Type>, versions);
}

/// A std::string, optional or not, that is BYTES on the wire.
template <auto Member>
constexpr FieldInfo bytes(std::string_view name, VersionRange versions = since(0)) {
  using Type = typename detail::MemberOf<decltype(Member)>::Type;
  return detail::make_field<Member>(name, detail::kBytesTypeOf<Type>, versions);
}

/// The table of a whole message.
template <Described T>
inline constexpr const TypeInfo& kMessageType = detail::kTypeOf<T>;

}  // namespace freshet::kafka::wire
