#include "config/section.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/reference.h"

namespace freshet::config {
namespace {

using testing::HasSubstr;

struct Account {
  std::string name;
  SourcePosition at;
  Secret password;
  bool admin = false;
  std::optional<uint64_t> quota;
};
struct Settings {
  std::vector<Account> accounts;
};

Section<Settings> settings_section(const std::string& directory) {
  Section<Account> account("An account.");
  account
      .required_key("password", &Account::password, secret_kind(directory),
                    {"To log in with.", "file:password"})
      .key("admin", &Account::admin, boolean_kind(), {"May do all.", "true"})
      .key("quota", &Account::quota, byte_size_kind(1, 1 << 30), {"Room.", "1MiB", "no limit"})
      .not_yet("groups", "Groups.");
  Section<Settings> settings("Accounts of a test.");
  settings.named("accounts", &Settings::accounts, name_kind(), account, {"Accounts.", ""});
  return settings;
}

std::string read(const std::string& text, Settings& into, const std::string& directory = ".") {
  Problems problems("f");
  const auto root = parse_document(
      text, [](const std::string&) { return std::optional<std::string>("from-env"); }, problems);
  Reading reading{problems, directory};
  if (root) settings_section(directory).read(Place(*root, "", reading), into);
  return problems.to_string();
}

TEST(Section, fills_the_struct_and_keeps_its_defaults) {
  Settings settings;
  EXPECT_EQ(read("accounts: { ann: { password: ${P} }, bob: { password: x, quota: 2MiB, admin: "
                 "true } }",
                 settings),
            "");
  ASSERT_EQ(settings.accounts.size(), 2u);
  EXPECT_EQ(settings.accounts[0].name, "ann");
  EXPECT_EQ(settings.accounts[0].password.reveal(), "from-env");
  EXPECT_FALSE(settings.accounts[0].quota);
  EXPECT_EQ(settings.accounts[1].quota, 2u << 20);
  EXPECT_EQ(settings.accounts[1].at, (SourcePosition{1, 38}));
}

TEST(Section, reads_a_secret_from_a_file) {
  const auto directory =
      std::filesystem::temp_directory_path() /
      fmt::format("freshet-secret-{}", ::testing::UnitTest::GetInstance()->random_seed());
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "password") << "hunter2\n";
  Settings settings;
  EXPECT_EQ(
      read("accounts: { ann: { password: \"file:password\" } }", settings, directory.string()), "");
  EXPECT_EQ(settings.accounts[0].password.reveal(), "hunter2");
  EXPECT_THAT(read("accounts: { ann: { password: \"file:none\" } }", settings, directory.string()),
              HasSubstr("'file:none' cannot be read"));
  std::filesystem::remove_all(directory);
}

TEST(Secret, prints_stars_wherever_it_is_formatted) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(fmt::format("{}", secret), "***");
}

TEST(Reference, is_made_from_the_registrations) {
  const std::string page = reference_markdown(*settings_section(".").info(), "Accounts");
  EXPECT_THAT(page, HasSubstr("# Accounts\n\nAccounts of a test.\n"));
  EXPECT_THAT(page, HasSubstr("## `accounts.<name>`\n\nAn account.\n"));
  EXPECT_THAT(page, HasSubstr("| `password` | secret"));
  EXPECT_THAT(page, HasSubstr("required"));
  EXPECT_THAT(page, HasSubstr("| `quota` | size: 1B to 1GiB | no limit | Room. Example: `1MiB` |"));
  EXPECT_THAT(page, HasSubstr("| `groups` |  |  | Groups. *Not supported yet.* |"));
}

TEST(NearestName, finds_slips_of_the_finger_only) {
  const std::vector<std::string> names = {"partitions", "retention", "config"};
  EXPECT_EQ(nearest_name("partition", names), "partitions");
  EXPECT_EQ(nearest_name("Retenttion", names), "retention");
  EXPECT_EQ(nearest_name("cofnig", names), "config");
  EXPECT_EQ(nearest_name("replicas", names), "");
  EXPECT_EQ(nearest_name(std::string(10'000, 'x'), names), "");
}

}  // namespace
}  // namespace freshet::config
