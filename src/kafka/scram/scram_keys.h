// The keys of SCRAM (RFC 5802 section 3, RFC 7677): what a server keeps instead of a password.
//
//   SaltedPassword = PBKDF2-HMAC(password, salt, iterations)
//   ClientKey = HMAC(SaltedPassword, "Client Key")    StoredKey = H(ClientKey)
//   ServerKey = HMAC(SaltedPassword, "Server Key")
//
// StoredKey and ServerKey let the server check a client and prove itself; neither lets anybody log
// in. Pure functions over OpenSSL; any thread. salted_password() takes milliseconds on purpose:
// never on an I/O thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freshet::kafka {

/// The values are Kafka's codes in the SCRAM user requests.
enum class ScramMechanism : int8_t { kSha256 = 1, kSha512 = 2 };
inline constexpr ScramMechanism kScramMechanisms[] = {ScramMechanism::kSha256,
                                                      ScramMechanism::kSha512};

/// Kafka's bounds: fewer are too weak, more would let a client keep the server busy.
inline constexpr int32_t kScramIterationsMin = 4096;
inline constexpr int32_t kScramIterationsMax = 16384;

/// "SCRAM-SHA-256"
[[nodiscard]] std::string_view scram_mechanism_name(ScramMechanism mechanism);
/// By that name; none for any other.
[[nodiscard]] std::optional<ScramMechanism> scram_mechanism_of(std::string_view name);
/// By Kafka's code; none for any other.
[[nodiscard]] std::optional<ScramMechanism> scram_mechanism_of(int8_t code);
/// Bytes of every key and hash of the mechanism.
[[nodiscard]] size_t scram_key_bytes(ScramMechanism mechanism);

struct ScramCredential {
  std::string salt;
  std::string stored_key;
  std::string server_key;
  int32_t iterations = 0;
  bool operator==(const ScramCredential&) const = default;
};

[[nodiscard]] std::string scram_salted_password(ScramMechanism mechanism, std::string_view password,
                                                std::string_view salt, int32_t iterations);
[[nodiscard]] ScramCredential scram_credential(ScramMechanism mechanism, std::string salt,
                                               int32_t iterations,
                                               std::string_view salted_password);

[[nodiscard]] std::string scram_hash(ScramMechanism mechanism, std::string_view bytes);
[[nodiscard]] std::string scram_hmac(ScramMechanism mechanism, std::string_view key,
                                     std::string_view message);

/// In a time that depends on the lengths only.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);
/// From the system's generator for keys.
[[nodiscard]] std::string random_bytes(size_t count);

}  // namespace freshet::kafka
