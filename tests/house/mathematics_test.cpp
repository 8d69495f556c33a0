// The files that docs/mathematics.md names are there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace fluvox {
namespace {

namespace fs = std::filesystem;

TEST(Mathematics, NamesFilesThatAreThere) {
  const fs::path root = FLUVOX_SOURCE_DIR;
  std::ifstream in(root / "docs/mathematics.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  static const std::regex cited("`((?:src|kernels|models|tests|tools)/[A-Za-z0-9_./]+)`");
  int named = 0;
  for (std::sregex_iterator i(page.begin(), page.end(), cited), end; i != end; ++i, ++named)
    EXPECT_TRUE(fs::exists(root / std::string((*i)[1]))) << (*i)[1];
  EXPECT_GT(named, 25);
}

}  // namespace
}  // namespace fluvox
