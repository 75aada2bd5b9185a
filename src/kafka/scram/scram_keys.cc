#include "kafka/scram/scram_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/check.h"

namespace freshet::kafka {

namespace {

const EVP_MD* digest_of(ScramMechanism mechanism) {
  return mechanism == ScramMechanism::kSha256 ? EVP_sha256() : EVP_sha512();
}

unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::string_view scram_mechanism_name(ScramMechanism mechanism) {
  return mechanism == ScramMechanism::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
}

std::optional<ScramMechanism> scram_mechanism_of(std::string_view name) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    if (scram_mechanism_name(mechanism) == name) return mechanism;
  }
  return std::nullopt;
}

std::optional<ScramMechanism> scram_mechanism_of(int8_t code) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    if (static_cast<int8_t>(mechanism) == code) return mechanism;
  }
  return std::nullopt;
}

size_t scram_key_bytes(ScramMechanism mechanism) {
  return mechanism == ScramMechanism::kSha256 ? 32 : 64;
}

std::string scram_salted_password(ScramMechanism mechanism, std::string_view password,
                                  std::string_view salt, int32_t iterations) {
  std::string out(scram_key_bytes(mechanism), '\0');
  const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
                                     static_cast<int>(salt.size()), iterations,
                                     digest_of(mechanism), static_cast<int>(out.size()), raw(out));
  FRESHET_CHECK(done == 1, "PBKDF2 with {} iterations failed", iterations);
  return out;
}

ScramCredential scram_credential(ScramMechanism mechanism, std::string salt, int32_t iterations,
                                 std::string_view salted_password) {
  return {.salt = std::move(salt),
          .stored_key = scram_hash(mechanism, scram_hmac(mechanism, salted_password, "Client Key")),
          .server_key = scram_hmac(mechanism, salted_password, "Server Key"),
          .iterations = iterations};
}

std::string scram_hash(ScramMechanism mechanism, std::string_view bytes) {
  std::string out(scram_key_bytes(mechanism), '\0');
  unsigned size = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), raw(out), &size, digest_of(mechanism), nullptr);
  FRESHET_CHECK(done == 1 && size == out.size(), "hashing {} bytes failed", bytes.size());
  return out;
}

std::string scram_hmac(ScramMechanism mechanism, std::string_view key, std::string_view message) {
  std::string out(scram_key_bytes(mechanism), '\0');
  unsigned size = 0;
  const unsigned char* done = HMAC(digest_of(mechanism), key.data(), static_cast<int>(key.size()),
                                   raw(message), message.size(), raw(out), &size);
  FRESHET_CHECK(done != nullptr && size == out.size(), "HMAC of {} bytes failed", message.size());
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  FRESHET_CHECK(RAND_bytes(raw(out), static_cast<int>(count)) == 1,
                "the system gave no random bytes");
  return out;
}

}  // namespace freshet::kafka
