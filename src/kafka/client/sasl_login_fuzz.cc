// What a broker, or whoever answers in its place, may send while we log in.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kafka/client/sasl_login.h"

// The first byte chooses the mechanism; a line break parts the first message from the second. The
// rounds are left small: many are allowed and only take time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using freshet::kafka::SaslLogin;
  if (size == 0) return 0;
  constexpr const char* kMechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t rounds = text.find(",i=");
  if (rounds != std::string_view::npos) {
    constexpr size_t kDigitsMax = 4;
    const size_t digits = text.substr(rounds + 3).find_first_not_of("0123456789");
    if (std::min(digits, text.size() - rounds - 3) > kDigitsMax) return 0;
  }
  SaslLogin login(kMechanisms[data[0] % 3], "ada", "love-lace", "nonce");
  const size_t end = std::min(text.find('\n'), text.size());
  const auto proof = login.take(text.substr(0, end));
  if (!proof || !*proof || end == text.size()) return 0;
  FRESHET_CHECK((*proof)->starts_with("c=biws,r=nonce"), "a proof of something else");
  const auto done = login.take(text.substr(end + 1));
  FRESHET_CHECK(!done || !*done, "SCRAM has two messages");
  return 0;
}
