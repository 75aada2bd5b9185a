#include "warehouse/native_reframer.h"

#include "warehouse/native_type.h"

namespace freshet::warehouse {
namespace {

constexpr std::string_view kBlockInfo("\x01\x00\x02\xFF\xFF\xFF\xFF\x00", 8);
constexpr uint64_t kColumnsMax = 100'000;

std::unexpected<Error> corrupt(const NativeCursor& cursor) {
  return fail(Errc::kCorrupt, "Native block: byte {}: cannot be read", cursor.position());
}

}  // namespace

Result<void> NativeReframer::push(std::string_view bytes, std::string& out) {
  held_ += bytes;
  size_t done = 0;
  while (done < held_.size() && held_.size() >= enough_) {
    FRESHET_ASSIGN(const size_t length, reframe(std::string_view(held_).substr(done), out));
    if (length == 0) {
      // A large block that comes in small pieces is not read from its start for each of them.
      enough_ = done == 0 ? held_.size() * 3 / 2 : 0;
      break;
    }
    done += length;
    enough_ = 0;
  }
  held_.erase(0, done);
  return {};
}

Result<void> NativeReframer::finish(std::string& out) {
  enough_ = 0;
  FRESHET_TRY(push({}, out));
  if (held_.empty()) return {};
  return fail(Errc::kCorrupt, "Native stream: it ends inside a block");
}

Result<size_t> NativeReframer::reframe(std::string_view bytes, std::string& out) const {
  NativeCursor cursor(bytes);
  uint64_t columns = 0;
  uint64_t rows = 0;
  std::string block(revision_ > 0 ? kBlockInfo : std::string_view());
  size_t copied = 0;
  const auto incomplete = [&]() -> Result<size_t> {
    if (cursor.ended()) return size_t{0};
    return corrupt(cursor);
  };
  if (!cursor.read_varuint(columns) || !cursor.read_varuint(rows)) return incomplete();
  if (columns > kColumnsMax) return corrupt(cursor);
  for (uint64_t i = 0; i < columns; ++i) {
    std::string_view name;
    std::string_view type_name;
    if (!cursor.read_string(name) || !cursor.read_string(type_name)) return incomplete();
    if (revision_ >= kRevisionWithOwnForms) {
      block += bytes.substr(copied, cursor.position() - copied);
      block += '\0';
      copied = cursor.position();
    }
    FRESHET_ASSIGN(const NativeType type, NativeType::parse(type_name));
    if (!cursor.skip_column(type, rows)) return incomplete();
  }
  block += bytes.substr(copied, cursor.position() - copied);
  out += block;
  return cursor.position();
}

}  // namespace freshet::warehouse
