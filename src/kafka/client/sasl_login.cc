#include "kafka/client/sasl_login.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "kafka/scram/base64.h"

namespace freshet::kafka {

namespace {

constexpr std::string_view kPlain = "PLAIN";
constexpr size_t kMessageBytesMax = 4096;
constexpr int kIterationsMax = 1'000'000;
constexpr size_t kNonceBytes = 24;

/// As RFC 5802 wants names to be written.
std::string escape(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '=') {
      out += "=3D";
    } else if (c == ',') {
      out += "=2C";
    } else {
      out += c;
    }
  }
  return out;
}

/// Takes "<name>=<value>" and the comma behind it off `text`.
std::optional<std::string_view> take_field(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') return std::nullopt;
  const size_t comma = std::min(text.find(','), text.size());
  const auto value = text.substr(2, comma - 2);
  text.remove_prefix(std::min(comma + 1, text.size()));
  return value;
}

}  // namespace

Result<std::optional<SaslLogin>> SaslLogin::from(
    const std::map<std::string, std::string>& properties) {
  const auto value = [&properties](const std::string& name) {
    const auto found = properties.find(name);
    return found == properties.end() ? std::string() : found->second;
  };
  std::string mechanism = value("sasl.mechanism");
  if (mechanism.empty()) mechanism = value("sasl.mechanisms");
  if (mechanism != kPlain && !scram_mechanism_of(mechanism)) return std::nullopt;
  if (value("sasl.username").empty()) {
    return fail(Errc::kInvalidArgument, "sasl.mechanism={} needs a sasl.username", mechanism);
  }
  return create(std::move(mechanism), value("sasl.username"), value("sasl.password"));
}

Result<SaslLogin> SaslLogin::create(std::string mechanism, std::string user, std::string password) {
  if (mechanism != kPlain && !scram_mechanism_of(mechanism)) {
    return fail(Errc::kUnsupported, "SASL mechanism {} is not supported yet", mechanism);
  }
  return SaslLogin(std::move(mechanism), std::move(user), std::move(password),
                   to_base64(random_bytes(kNonceBytes)));
}

SaslLogin::SaslLogin(std::string mechanism, std::string user, std::string password,
                     std::string nonce)
    : mechanism_(std::move(mechanism)),
      scram_(scram_mechanism_of(mechanism_)),
      user_(std::move(user)),
      password_(std::move(password)),
      nonce_(std::move(nonce)) {}

std::string SaslLogin::first() const {
  if (!scram_) return std::string(1, '\0') + user_ + std::string(1, '\0') + password_;
  return "n,,n=" + escape(user_) + ",r=" + nonce_;
}

Result<std::optional<std::string>> SaslLogin::take(std::string_view message) {
  if (message.size() > kMessageBytesMax) {
    return fail(Errc::kTooLarge, "SASL {}: a message of {} bytes, at most {} are read", mechanism_,
                message.size(), kMessageBytesMax);
  }
  if (!scram_) return std::nullopt;
  if (expected_.empty()) {
    FRESHET_ASSIGN(auto proof, prove(message));
    return std::optional(std::move(proof));
  }
  if (message.starts_with("e=")) {
    return fail(Errc::kRefused, "SASL {}: the broker refuses user {}", mechanism_, user_);
  }
  if (!equal_in_constant_time(message, expected_)) {
    return fail(Errc::kRefused, "SASL {}: the broker cannot prove that it knows user {}",
                mechanism_, user_);
  }
  return std::nullopt;
}

Result<std::string> SaslLogin::prove(std::string_view server_first) {
  std::string_view rest = server_first;
  const auto nonce = take_field(rest, 'r');
  const auto salt_text = nonce ? take_field(rest, 's') : std::nullopt;
  const auto rounds_text = salt_text ? take_field(rest, 'i') : std::nullopt;
  const auto salt = salt_text ? from_base64(*salt_text) : std::nullopt;
  int rounds = 0;
  const bool is_number =
      rounds_text &&
      std::from_chars(rounds_text->data(), rounds_text->data() + rounds_text->size(), rounds).ptr ==
          rounds_text->data() + rounds_text->size();
  if (!salt || salt->empty() || !is_number || rounds < 1 || rounds > kIterationsMax ||
      !nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
    return fail(Errc::kCorrupt,
                "SASL {}: expected r=<our nonce and more>,s=<base64>,i=<1 to {}> from the broker",
                mechanism_, kIterationsMax);
  }
  const std::string salted = scram_salted_password(*scram_, password_, *salt, rounds);
  const std::string last = fmt::format("c=biws,r={}", *nonce);
  const std::string agreed =
      fmt::format("n={},r={},{},{}", escape(user_), nonce_, server_first, last);
  std::string proof = scram_hmac(*scram_, salted, "Client Key");
  const std::string signature = scram_hmac(*scram_, scram_hash(*scram_, proof), agreed);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  expected_ =
      "v=" + to_base64(scram_hmac(*scram_, scram_hmac(*scram_, salted, "Server Key"), agreed));
  return last + ",p=" + to_base64(proof);
}

}  // namespace freshet::kafka
