#include "kafka/client/sasl_login.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"

namespace freshet::kafka {

namespace {

constexpr size_t kMessageBytesMax = 4096;
constexpr int kIterationsMax = 1'000'000;
constexpr size_t kNonceBytes = 24;

unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP ends it with a zero byte
  const int size = EVP_EncodeBlock(raw(out), raw(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(raw(out), raw(text), static_cast<int>(text.size())) < 0) return std::nullopt;
  out.resize(out.size() - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return out;
}

const EVP_MD* digest_of(std::string_view mechanism) {
  return mechanism == "SCRAM-SHA-256" ? EVP_sha256() : EVP_sha512();
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view message) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(digest)), '\0');
  const auto* const done = HMAC(digest, key.data(), static_cast<int>(key.size()), raw(message),
                                message.size(), raw(out), nullptr);
  FRESHET_CHECK(done != nullptr, "HMAC of {} bytes failed", message.size());
  return out;
}

std::string hash(const EVP_MD* digest, std::string_view bytes) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(digest)), '\0');
  FRESHET_CHECK(EVP_Digest(bytes.data(), bytes.size(), raw(out), nullptr, digest, nullptr) == 1,
                "hashing {} bytes failed", bytes.size());
  return out;
}

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
  if (mechanism != "PLAIN" && mechanism != "SCRAM-SHA-256" && mechanism != "SCRAM-SHA-512") {
    return std::nullopt;
  }
  if (value("sasl.username").empty()) {
    return fail(Errc::kInvalidArgument, "sasl.mechanism={} needs a sasl.username", mechanism);
  }
  std::string nonce(kNonceBytes, '\0');
  FRESHET_CHECK(RAND_bytes(raw(nonce), static_cast<int>(nonce.size())) == 1,
                "the system gave no random bytes");
  return SaslLogin(std::move(mechanism), value("sasl.username"), value("sasl.password"),
                   to_base64(nonce));
}

SaslLogin::SaslLogin(std::string mechanism, std::string user, std::string password,
                     std::string nonce)
    : mechanism_(std::move(mechanism)),
      user_(std::move(user)),
      password_(std::move(password)),
      nonce_(std::move(nonce)) {}

std::string SaslLogin::first() const {
  if (mechanism_ == "PLAIN") return std::string(1, '\0') + user_ + std::string(1, '\0') + password_;
  return "n,,n=" + escape(user_) + ",r=" + nonce_;
}

Result<std::optional<std::string>> SaslLogin::take(std::string_view message) {
  if (message.size() > kMessageBytesMax) {
    return fail(Errc::kTooLarge, "SASL {}: a message of {} bytes, at most {} are read", mechanism_,
                message.size(), kMessageBytesMax);
  }
  if (mechanism_ == "PLAIN") return std::nullopt;
  if (expected_.empty()) {
    FRESHET_ASSIGN(auto proof, prove(message));
    return std::optional(std::move(proof));
  }
  if (message.starts_with("e=")) {
    return fail(Errc::kRefused, "SASL {}: the broker refuses user {}", mechanism_, user_);
  }
  if (message.size() != expected_.size() ||
      CRYPTO_memcmp(message.data(), expected_.data(), expected_.size()) != 0) {
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
  if (!salt || !is_number || rounds < 1 || rounds > kIterationsMax || !nonce->starts_with(nonce_) ||
      nonce->size() == nonce_.size()) {
    return fail(Errc::kCorrupt,
                "SASL {}: expected r=<our nonce and more>,s=<base64>,i=<1 to {}> from the broker",
                mechanism_, kIterationsMax);
  }
  const EVP_MD* const digest = digest_of(mechanism_);
  std::string salted(static_cast<size_t>(EVP_MD_get_size(digest)), '\0');
  const int derived = PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()),
                                        raw(*salt), static_cast<int>(salt->size()), rounds, digest,
                                        static_cast<int>(salted.size()), raw(salted));
  FRESHET_CHECK(derived == 1, "PBKDF2 with {} rounds failed", rounds);
  const std::string last = fmt::format("c=biws,r={}", *nonce);
  const std::string agreed =
      fmt::format("n={},r={},{},{}", escape(user_), nonce_, server_first, last);
  std::string proof = hmac(digest, salted, "Client Key");
  const std::string signature = hmac(digest, hash(digest, proof), agreed);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  expected_ = "v=" + to_base64(hmac(digest, hmac(digest, salted, "Server Key"), agreed));
  return last + ",p=" + to_base64(proof);
}

}  // namespace freshet::kafka
