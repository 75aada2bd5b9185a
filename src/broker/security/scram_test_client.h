// The client's side of SCRAM (RFC 5802), for tests of the server's.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kafka/scram/base64.h"
#include "kafka/scram/scram_keys.h"

namespace freshet::broker {

class ScramTestClient {
 public:
  ScramTestClient(kafka::ScramMechanism mechanism, const std::string& user, std::string password,
                  const std::string& nonce = "fyko+d2lbbFgONRv9qkxdawL")
      : mechanism_(mechanism), password_(std::move(password)) {
    first_bare_ = "n=" + user + ",r=" + nonce;
  }

  [[nodiscard]] std::string first() const { return "n,," + first_bare_; }

  /// The answer to the server's first message, "r=…,s=…,i=…".
  std::string last(const std::string& server_first) {
    const size_t s = server_first.find(",s=");
    const size_t i = server_first.find(",i=");
    nonce = server_first.substr(2, s - 2);
    salt = kafka::from_base64(server_first.substr(s + 3, i - s - 3)).value();
    iterations = std::stoi(server_first.substr(i + 3));
    const std::string salted =
        kafka::scram_salted_password(mechanism_, password_, salt, iterations);
    const std::string without_proof = "c=biws,r=" + nonce;
    const std::string signed_text = first_bare_ + "," + server_first + "," + without_proof;
    std::string proof = kafka::scram_hmac(mechanism_, salted, "Client Key");
    const std::string signature =
        kafka::scram_hmac(mechanism_, kafka::scram_hash(mechanism_, proof), signed_text);
    for (size_t at = 0; at < proof.size(); ++at) {
      proof[at] = static_cast<char>(proof[at] ^ signature[at]);
    }
    server_signature_ = kafka::scram_hmac(
        mechanism_, kafka::scram_hmac(mechanism_, salted, "Server Key"), signed_text);
    return without_proof + ",p=" + kafka::to_base64(proof);
  }

  /// Whether the server's last message proves that it knows the keys.
  [[nodiscard]] bool trusts(std::string_view server_last) const {
    return server_last == "v=" + kafka::to_base64(server_signature_);
  }

  // Of the last server_first.
  std::string nonce;
  std::string salt;
  int iterations = 0;

 private:
  const kafka::ScramMechanism mechanism_;
  const std::string password_;
  std::string first_bare_;
  std::string server_signature_;
};

}  // namespace freshet::broker
