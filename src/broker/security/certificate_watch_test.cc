#include "broker/security/certificate_watch.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace freshet::broker {
namespace {

struct OpensslDelete {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(BIO* text) const { BIO_free(text); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDelete>;

struct Pair {
  std::string certificate;
  std::string key;
};

std::string text_of(BIO* text) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(text, &data);
  return {data, static_cast<size_t>(size)};
}

Pair make_pair_of(int64_t serial) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Owned<BIO> certificate_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  const Owned<BIO> key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

class CertificateWatchTest : public testing::Test {
 protected:
  CertificateWatchTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-tls-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    files_ = {.certificate = directory_ / "server.pem", .key = directory_ / "server.key"};
    replace(files_.certificate, first_.certificate);
    replace(files_.key, first_.key);
  }
  ~CertificateWatchTest() override { std::filesystem::remove_all(directory_); }

  /// As tools do: a new file under the name of the old one.
  static void replace(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path.string() + ".new") << text;
    std::filesystem::rename(path.string() + ".new", path);
  }

  const Pair first_ = make_pair_of(1);
  const Pair second_ = make_pair_of(2);
  std::filesystem::path directory_;
  io::TlsFiles files_;
};

TEST_F(CertificateWatchTest, files_that_stay_are_not_read_again) {
  CertificateWatch watch(files_);
  for (int i = 0; i < 3; ++i) {
    const auto seen = watch.look();
    ASSERT_TRUE(seen);
    EXPECT_EQ(*seen, nullptr);
  }
}

TEST_F(CertificateWatchTest, a_pair_that_was_replaced_is_used_once_it_is_whole) {
  CertificateWatch watch(files_);
  replace(files_.certificate, second_.certificate);
  auto seen = watch.look();
  ASSERT_TRUE(seen) << "the key may be on its way";
  EXPECT_EQ(*seen, nullptr);
  replace(files_.key, second_.key);
  seen = watch.look();
  ASSERT_TRUE(seen) << seen.error().message();
  EXPECT_NE(*seen, nullptr);
  EXPECT_EQ(*watch.look(), nullptr);
}

TEST_F(CertificateWatchTest, what_cannot_be_used_is_said_once_and_a_later_pair_is_used) {
  CertificateWatch watch(files_);
  replace(files_.certificate, "no certificate");
  EXPECT_TRUE(watch.look());
  const auto refused = watch.look();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("server.pem"), std::string::npos);
  EXPECT_TRUE(watch.look()) << "said once";
  replace(files_.certificate, second_.certificate);
  replace(files_.key, second_.key);
  const auto seen = watch.look();
  ASSERT_TRUE(seen);
  EXPECT_NE(*seen, nullptr);
}

}  // namespace
}  // namespace freshet::broker
