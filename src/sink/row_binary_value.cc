#include "sink/row_binary_value.h"

#include <array>
#include <cstring>

#include "base/endian.h"

namespace freshet::sink {
namespace {

class RowBinaryReader {
 public:
  explicit RowBinaryReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] std::string_view rest() const { return rest_; }

  Result<void> append_to(Column& column) {
    if (column.type().nullable) {
      FRESHET_ASSIGN(const std::string_view null, take(1));
      if (null.front() != 0) {
        column.append_null();
        return {};
      }
    }
    switch (column.type().kind) {
      case ColumnKind::kString:
      case ColumnKind::kJson:
      case ColumnKind::kLowCardinalityString: {
        FRESHET_ASSIGN(const size_t size, count());
        FRESHET_ASSIGN(const std::string_view text, take(size));
        column.append_string(text);
        return {};
      }
      case ColumnKind::kArray:
      case ColumnKind::kMap: {
        FRESHET_ASSIGN(const size_t elements, count());
        for (size_t i = 0; i < elements; ++i) FRESHET_TRY(append_to(column.child()));
        column.finish_list();
        return {};
      }
      case ColumnKind::kTuple:
        for (size_t i = 0; i < column.child_count(); ++i) FRESHET_TRY(append_to(column.child(i)));
        column.finish_tuple();
        return {};
      default:
        return append_fixed_to(column);
    }
  }

 private:
  Result<std::string_view> take(size_t size) {
    if (size > rest_.size()) {
      return fail(Errc::kCorrupt, "the default value ends after {} of {} bytes", rest_.size(),
                  size);
    }
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  /// Of bytes or of elements, each of which has at least one byte.
  Result<size_t> count() {
    size_t value = 0;
    for (unsigned shift = 0; shift < 56; shift += 7) {
      FRESHET_ASSIGN(const std::string_view piece, take(1));
      const auto byte = static_cast<uint8_t>(piece.front());
      value |= size_t{byte & 0x7FU} << shift;
      if (byte >= 0x80) continue;
      if (value <= rest_.size()) return value;
      break;
    }
    return fail(Errc::kCorrupt, "the default value has a length of {}, and {} bytes are left",
                value, rest_.size());
  }

  template <class T>
  static Result<void> append(Column& column, std::string_view bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    column.append_fixed(value);
    return {};
  }

  Result<void> append_fixed_to(Column& column) {
    const ColumnType& type = column.type();
    FRESHET_ASSIGN(const std::string_view bytes, take(fixed_width(type)));
    if (type.kind == ColumnKind::kFixedString) {
      column.append_bytes(bytes);
      return {};
    }
    if (type.kind == ColumnKind::kUuid) {  // two halves, each little-endian; we keep text order
      std::array<std::byte, 16> value{};
      store_be(value.data(), load_le<uint64_t>(bytes.data()));
      store_be(value.data() + 8, load_le<uint64_t>(bytes.data() + 8));
      column.append_fixed(value);
      return {};
    }
    switch (bytes.size()) {
      case 1:
        return append<uint8_t>(column, bytes);
      case 2:
        return append<uint16_t>(column, bytes);
      case 4:
        return append<uint32_t>(column, bytes);
      case 8:
        return append<uint64_t>(column, bytes);
      case 16:
        return append<std::array<std::byte, 16>>(column, bytes);
      default:
        return append<std::array<std::byte, 32>>(column, bytes);
    }
  }

  std::string_view rest_;
};

}  // namespace

Result<void> append_row_binary(Column& column, std::string_view bytes) {
  RowBinaryReader reader(bytes);
  FRESHET_TRY(reader.append_to(column));
  if (reader.rest().empty()) return {};
  return fail(Errc::kCorrupt, "the default value has {} bytes behind its end",
              reader.rest().size());
}

}  // namespace freshet::sink
