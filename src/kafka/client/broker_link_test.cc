#include "kafka/client/broker_link.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "kafka/messages/sasl_handshake.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

using testing::HasSubstr;
using Properties = std::map<std::string, std::string>;

struct OpensslDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* text) const { BIO_free(text); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDelete>;

std::string text_of(BIO* text) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(text, &data);
  return {data, static_cast<size_t>(size)};
}

/// A certificate that signs itself, and its key.
struct Identity {
  explicit Identity(const char* name) : key(EVP_EC_gen("P-256")), certificate(X509_new()) {
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("broker"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name);
    X509_add_ext(certificate.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
  }
  [[nodiscard]] std::string certificate_pem() const {
    const Owned<BIO> text(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(text.get(), certificate.get());
    return text_of(text.get());
  }
  [[nodiscard]] std::string key_pem() const {
    const Owned<BIO> text(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(text.get());
  }
  Owned<EVP_PKEY> key;
  Owned<X509> certificate;
};

/// Takes one connection over TLS and answers its first frame.
class TlsServer {
 public:
  /// `asks`: whom it wants the client to be.
  TlsServer(const Identity& identity, const Identity* asks = nullptr)
      : context_(SSL_CTX_new(TLS_server_method())), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    ::signal(SIGPIPE, SIG_IGN);
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    if (asks != nullptr) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), asks->certificate.get());
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, raw, sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, raw, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    const int connection = ::accept(listener_, nullptr, nullptr);
    const Owned<SSL> tls(SSL_new(context_.get()));
    SSL_set_fd(tls.get(), connection);
    char ignored[512];
    if (SSL_accept(tls.get()) == 1 && SSL_read(tls.get(), ignored, sizeof ignored) > 0) {
      SaslHandshakeResponse response;
      response.mechanisms.assign(10, std::string(20'000, 'x'));  // many TLS records
      const std::string bytes = encode_response(1, 1, response).flatten();
      SSL_write(tls.get(), bytes.data(), static_cast<int>(bytes.size()));
      SSL_shutdown(tls.get());
    }
    ::close(connection);
  }

  Owned<SSL_CTX> context_;
  const int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

Result<std::string> ask(const TlsServer& server, Properties properties) {
  ClientSettings client;
  client.request_timeout = std::chrono::seconds(10);
  properties["security.protocol"] = "ssl";
  client.librdkafka_properties = std::move(properties);
  FRESHET_ASSIGN(auto link, BrokerLink::open(server.address(), client));
  RequestHeader header;
  header.api_version = 1;
  return link.ask(encode_request(header, SaslHandshakeRequest()).flatten());
}

TEST(BrokerLink, asks_over_tls) {
  const Identity broker("IP:127.0.0.1");
  const TlsServer server(broker);
  const auto answer = ask(server, {{"ssl.ca.pem", broker.certificate_pem()}});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_GT(answer->size(), 200'000U);
}

TEST(BrokerLink, trusts_only_whom_it_is_told_to) {
  const Identity broker("IP:127.0.0.1");
  const Identity other("IP:127.0.0.1");
  {
    const TlsServer server(broker);
    const auto answer = ask(server, {{"ssl.ca.pem", other.certificate_pem()}});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Errc::kRefused);
    EXPECT_THAT(answer.error().message(), HasSubstr("is not trusted"));
    EXPECT_THAT(answer.error().message(), HasSubstr("ssl.ca.location"));
  }
  const TlsServer server(broker);
  EXPECT_TRUE(ask(server, {{"enable.ssl.certificate.verification", "false"}}));
}

TEST(BrokerLink, wants_the_certificate_to_name_the_host) {
  const Identity broker("DNS:elsewhere.example");
  {
    const TlsServer server(broker);
    const auto answer = ask(server, {{"ssl.ca.pem", broker.certificate_pem()}});
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message(), HasSubstr("mismatch"));
  }
  const TlsServer server(broker);
  EXPECT_TRUE(ask(server, {{"ssl.ca.pem", broker.certificate_pem()},
                           {"ssl.endpoint.identification.algorithm", "none"}}));
}

TEST(BrokerLink, shows_its_certificate) {
  const Identity broker("IP:127.0.0.1");
  const Identity client("DNS:client");
  {
    const TlsServer server(broker, &client);
    EXPECT_FALSE(ask(server, {{"ssl.ca.pem", broker.certificate_pem()}}));
  }
  const TlsServer server(broker, &client);
  const auto answer = ask(server, {{"ssl.ca.pem", broker.certificate_pem()},
                                   {"ssl.certificate.pem", client.certificate_pem()},
                                   {"ssl.key.pem", client.key_pem()}});
  EXPECT_TRUE(answer) << answer.error().message();
}

TEST(BrokerLink, says_which_property_cannot_be_used) {
  const Identity broker("IP:127.0.0.1");
  for (const char* const property :
       {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}) {
    ClientSettings client;
    client.librdkafka_properties = {{"security.protocol", "SSL"}, {property, "/missing.pem"}};
    const TlsServer server(broker);
    const auto link = BrokerLink::open(server.address(), client);
    ASSERT_FALSE(link) << property;
    EXPECT_EQ(link.error().code(), Errc::kInvalidArgument);
    EXPECT_THAT(link.error().message(), HasSubstr(std::string(property) + "=/missing.pem"));
  }
}

TEST(BrokerLink, knows_what_only_librdkafka_can_reach) {
  const auto can = [](Properties properties) {
    ClientSettings client;
    client.librdkafka_properties = std::move(properties);
    return BrokerLink::can_reach(client);
  };
  EXPECT_TRUE(can({}));
  EXPECT_TRUE(can({{"security.protocol", "ssl"}, {"ssl.ca.location", "/ca.pem"}}));
  EXPECT_TRUE(can({{"security.protocol", "SASL_SSL"},
                   {"sasl.mechanism", "SCRAM-SHA-512"},
                   {"sasl.username", "ada"}}));
  EXPECT_FALSE(can({{"security.protocol", "ssl"}, {"ssl.keystore.location", "/store.p12"}}));
  EXPECT_FALSE(can({{"security.protocol", "sasl_ssl"}, {"sasl.mechanism", "GSSAPI"}}));
  EXPECT_FALSE(can({{"security.protocol", "carrier pigeon"}}));
}

}  // namespace
}  // namespace freshet::kafka
