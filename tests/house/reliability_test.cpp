// docs/reliability.md names tests that exist.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace fluvox {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Of all sources: "layer.Suite.Name", "layer.Suite.*" and "Name".
std::set<std::string> tests_of_the_sources() {
  static const std::regex test(R"(TEST(?:_F|_P)?\((\w+), (\w+)\))");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(FLUVOX_SOURCE_DIR "/tests")) {
    const std::string file = entry.path().filename();
    if (file.size() < 9 || file.compare(file.size() - 9, 9, "_test.cpp") != 0) continue;
    const std::string source = slurp(entry.path());
    const std::string layer = entry.path().parent_path().filename();
    for (std::sregex_iterator at(source.begin(), source.end(), test), end; at != end; ++at) {
      const std::string suite = layer + "." + (*at)[1].str() + ".";
      names.insert({suite + (*at)[2].str(), suite + "*", (*at)[2].str()});
    }
  }
  return names;
}

TEST(Reliability, EveryTestThatIsNamedExists) {
  const std::set<std::string> tests = tests_of_the_sources();
  const std::string page = slurp(FLUVOX_SOURCE_DIR "/docs/reliability.md");
  static const std::regex name(R"(`((?:\w+\.[A-Z]\w*\.)?(?:[A-Z]\w+|\*))`)");
  size_t named = 0;
  for (std::sregex_iterator at(page.begin(), page.end(), name), end; at != end; ++at, ++named)
    EXPECT_TRUE(tests.count((*at)[1])) << (*at)[1];
  EXPECT_GT(named, 50u);
}

}  // namespace
}  // namespace fluvox
