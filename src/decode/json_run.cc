#include "decode/json_run.h"

#include <simdjson.h>

#include <algorithm>

#include "base/check.h"
#include "decode/json_text.h"

namespace freshet::decode {
namespace {

constexpr size_t kFirstCapacity = 16 * 1024;
constexpr size_t kAnyDepth = 16;  // simdjson's own depth is for its stage 2, which is not used

static_assert(kTextPadding >= simdjson::SIMDJSON_PADDING && ByteBuffer::kSlack >= kTextPadding);

}  // namespace

struct JsonRun::Scanner {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonRun::JsonRun() : scanner_(std::make_unique<Scanner>()) {}
JsonRun::~JsonRun() = default;
JsonRun::JsonRun(JsonRun&&) noexcept = default;
JsonRun& JsonRun::operator=(JsonRun&&) noexcept = default;

void JsonRun::clear() {
  text_.truncate(0);
  ends_.clear();
}

void JsonRun::add(std::string_view record) {
  text_.append(record.data(), record.size());
  ends_.push_back(text_.size());
  text_.push('\n');
}

JsonRun::Scan JsonRun::scan() {
  std::memset(text_.room(kTextPadding), 0, kTextPadding);
  auto& parser = scanner_->parser;
  if (!parser || parser->capacity() < text_.size()) {
    const size_t capacity =
        std::max({kFirstCapacity, text_.size(), parser ? parser->capacity() * 2 : 0});
    parser.reset();
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, kAnyDepth, parser);
    FRESHET_CHECK(error == simdjson::SUCCESS, "{}", simdjson::error_message(error));
  }
  const auto error = parser->stage1(reinterpret_cast<const uint8_t*>(text_.data()), text_.size(),
                                    simdjson::stage1_mode::regular);
  if (error == simdjson::SUCCESS) return Scan::kGood;
  return simdjson::validate_utf8(text_.data(), text_.size()) ? Scan::kMalformed
                                                             : Scan::kInvalidUtf8;
}

const uint32_t* JsonRun::tokens() const { return scanner_->parser->structural_indexes.get(); }

}  // namespace freshet::decode
