#include "broker/security/sasl_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/security/user_store.h"
#include "kafka/scram/base64.h"

namespace freshet::broker {

namespace {

constexpr size_t kServerNonceBytes = 18;

std::unexpected<Error> wrong_credentials(const std::string& user) {
  return fail(Errc::kRefused, "wrong user or password (user {})", user);
}

/// Printable ASCII without the comma.
bool is_nonce(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

/// Undoes "=2C" and "=3D"; none for any other '='.
std::optional<std::string> unescape_name(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    out += code == "=2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

/// Takes "k=value" and the comma behind it off `rest`; none when the next attribute is not `key`.
std::optional<std::string_view> take_attribute(std::string_view& rest, char key) {
  if (rest.size() < 2 || rest[0] != key || rest[1] != '=') return std::nullopt;
  const size_t comma = rest.find(',');
  const std::string_view value = rest.substr(2, comma == rest.npos ? rest.npos : comma - 2);
  rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  return value;
}

std::string exclusive_or(std::string a, std::string_view b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(a[i] ^ b[i]);
  return a;
}

}  // namespace

std::unique_ptr<SaslExchange> SaslExchange::make(SaslMechanism mechanism, const UserStore& users) {
  switch (mechanism) {
    case SaslMechanism::kPlain:
      return std::make_unique<PlainExchange>(users);
    case SaslMechanism::kScramSha256:
      return std::make_unique<ScramExchange>(kafka::ScramMechanism::kSha256, users);
    case SaslMechanism::kScramSha512:
      return std::make_unique<ScramExchange>(kafka::ScramMechanism::kSha512, users);
  }
  return nullptr;
}

// ---- PLAIN

Result<PlainLogin> parse_plain_token(std::string_view token) {
  if (token.size() > kSaslTokenBytesMax) {
    return fail(Errc::kRefused, "a PLAIN token of {} bytes, at most {} are taken", token.size(),
                kSaslTokenBytesMax);
  }
  const size_t first = token.find('\0');
  const size_t second = first == token.npos ? token.npos : token.find('\0', first + 1);
  if (second == token.npos || token.find('\0', second + 1) != token.npos) {
    return fail(Errc::kRefused, "a PLAIN token that is not authzid NUL user NUL password");
  }
  PlainLogin login{.authorization_id = std::string(token.substr(0, first)),
                   .user = std::string(token.substr(first + 1, second - first - 1)),
                   .password = std::string(token.substr(second + 1))};
  if (login.user.empty() || login.password.empty()) {
    return fail(Errc::kRefused, "a PLAIN token without user or password");
  }
  return login;
}

Result<SaslStep> PlainExchange::step(std::string_view token) {
  if (std::exchange(over_, true)) return fail(Errc::kRefused, "a token after the last one");
  FRESHET_ASSIGN(PlainLogin login, parse_plain_token(token));
  if (!login.authorization_id.empty() && login.authorization_id != login.user) {
    return fail(Errc::kRefused, "user {} asked to act as another user", login.user);
  }
  if (!users_.check_password(login.user, login.password)) return wrong_credentials(login.user);
  return SaslStep{.token = {}, .accepted = true, .user = std::move(login.user)};
}

// ---- SCRAM

Result<ScramClientFirst> parse_scram_client_first(std::string_view message) {
  const auto bad = [](std::string_view what) {
    return fail(Errc::kRefused, "the first SCRAM message {}", what);
  };
  if (message.size() > kSaslTokenBytesMax) return bad("is too long");
  if (message.starts_with("p=")) return bad("asks for channel binding, which is not supported yet");
  if (!message.starts_with("n,") && !message.starts_with("y,")) {
    return bad("does not begin with n, or y,");
  }
  ScramClientFirst out;
  std::string_view rest = message.substr(2);
  if (rest.starts_with("a=")) {
    auto id = unescape_name(*take_attribute(rest, 'a'));
    if (!id) return bad("has an authorization id with a stray '='");
    out.authorization_id = std::move(*id);
  } else {
    if (!rest.starts_with(",")) return bad("has no comma after the authorization id");
    rest.remove_prefix(1);
  }
  out.gs2_header = message.substr(0, message.size() - rest.size());
  out.bare = rest;
  const auto name = take_attribute(rest, 'n');
  if (!name) return bad("does not name a user");
  auto user = unescape_name(*name);
  if (!user || user->empty()) return bad("has an empty user name, or one with a stray '='");
  out.user = std::move(*user);
  const auto nonce = take_attribute(rest, 'r');
  if (!nonce || !is_nonce(*nonce)) return bad("has no nonce of printable characters");
  out.nonce = *nonce;
  return out;  // extensions may follow; none is known
}

Result<ScramClientFinal> parse_scram_client_final(std::string_view message) {
  const auto bad = [](std::string_view what) {
    return fail(Errc::kRefused, "the last SCRAM message {}", what);
  };
  if (message.size() > kSaslTokenBytesMax) return bad("is too long");
  const size_t proof_at = message.rfind(",p=");
  if (proof_at == message.npos) return bad("has no proof");
  ScramClientFinal out;
  out.without_proof = message.substr(0, proof_at);
  auto proof = kafka::from_base64(message.substr(proof_at + 3));
  if (!proof) return bad("has a proof that is not base64");
  out.proof = std::move(*proof);
  std::string_view rest = out.without_proof;
  const auto binding = take_attribute(rest, 'c');
  auto decoded = binding ? kafka::from_base64(*binding) : std::nullopt;
  if (!decoded) return bad("has no channel binding in base64");
  out.channel_binding = std::move(*decoded);
  const auto nonce = take_attribute(rest, 'r');
  if (!nonce || !is_nonce(*nonce)) return bad("has no nonce of printable characters");
  out.nonce = *nonce;
  return out;
}

Result<SaslStep> ScramExchange::step(std::string_view token) {
  switch (std::exchange(state_, State::kOver)) {
    case State::kFirst:
      return first(token);
    case State::kFinal:
      return last(token);
    case State::kOver:
      break;
  }
  return fail(Errc::kRefused, "a token after the last one");
}

Result<SaslStep> ScramExchange::first(std::string_view token) {
  FRESHET_ASSIGN(client_first_, parse_scram_client_first(token));
  if (!client_first_.authorization_id.empty() &&
      client_first_.authorization_id != client_first_.user) {
    return fail(Errc::kRefused, "user {} asked to act as another user", client_first_.user);
  }
  auto found = users_.find(client_first_.user, mechanism_);
  known_ = found.has_value();
  credential_ = found ? std::move(*found) : users_.stand_in(client_first_.user, mechanism_);
  nonce_ = kafka::to_base64(kafka::random_bytes(kServerNonceBytes));
  server_first_ = fmt::format("r={}{},s={},i={}", client_first_.nonce, nonce_,
                              kafka::to_base64(credential_.salt), credential_.iterations);
  state_ = State::kFinal;
  return SaslStep{.token = server_first_, .accepted = false, .user = {}};
}

Result<SaslStep> ScramExchange::last(std::string_view token) {
  FRESHET_ASSIGN(const ScramClientFinal message, parse_scram_client_final(token));
  // Our part is what makes the message fresh. librdkafka before 2.6 repeats its own part in front
  // of the whole nonce, and Apache Kafka looks at the end only.
  if (message.channel_binding != client_first_.gs2_header || !message.nonce.ends_with(nonce_)) {
    return fail(Errc::kRefused, "the last SCRAM message does not belong to the first");
  }
  const std::string signed_text =
      client_first_.bare + "," + server_first_ + "," + message.without_proof;
  const std::string client_signature =
      kafka::scram_hmac(mechanism_, credential_.stored_key, signed_text);
  if (message.proof.size() != client_signature.size()) {
    return wrong_credentials(client_first_.user);
  }
  const std::string client_key = exclusive_or(message.proof, client_signature);
  const bool right = kafka::equal_in_constant_time(kafka::scram_hash(mechanism_, client_key),
                                                   credential_.stored_key);
  if (!right || !known_) return wrong_credentials(client_first_.user);
  return SaslStep{.token = "v=" + kafka::to_base64(kafka::scram_hmac(
                                      mechanism_, credential_.server_key, signed_text)),
                  .accepted = true,
                  .user = client_first_.user};
}

}  // namespace freshet::broker
