// docs/errors.md has every stable code of an error, and no other.
#include <gmock/gmock.h>
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
using testing::IsEmpty;

// Codes are literals of lower-case words with hyphens, and these few of one word.
const std::set<std::string> kOfOneWord = {"usage", "interrupted", "internal", "silent", "clipped"};

// Other literals of that form.
const std::set<std::string> kNoCodes = {
    "bands-frames", "bigvgan-44k",      "fluvox-train", "frames-bands", "hann-symmetric",
    "held-out",     "parallel-wavegan", "zero-mel",     "kernel-2",
};

std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    found.insert((*at)[1]);
  return found;
}

// Of one source: what stands in quotes, comments left out.
std::set<std::string> codes_in(const std::string& source) {
  static const std::regex comment("//[^\n]*"), literal(R"re("([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")re");
  std::set<std::string> codes;
  for (const std::string& word : matches(std::regex_replace(source, comment, ""), literal))
    if (word.find('-') == word.npos ? kOfOneWord.count(word) > 0 : kNoCodes.count(word) == 0)
      codes.insert(word);
  return codes;
}

std::set<std::string> codes_in_the_sources() {
  std::set<std::string> all;
  for (const char* top : {"src", "models"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(FLUVOX_SOURCE_DIR) / top)) {
      const std::string ending = entry.path().extension();
      if (ending == ".cpp" || ending == ".h" || ending == ".hpp")
        all.merge(codes_in(slurp(entry.path())));
    }
  return all;
}

std::set<std::string> without(std::set<std::string> all, const std::set<std::string>& those) {
  for (const std::string& one : those) all.erase(one);
  return all;
}

TEST(Errors, EveryCodeIsListedAndEveryListedOneExists) {
  static const std::regex row("\n\\| `([a-z0-9-]+)` \\| [^|\n]+ \\| [^|\n]+ \\|");
  const auto listed = matches(slurp(fs::path(FLUVOX_SOURCE_DIR) / "docs" / "errors.md"), row);
  const auto thrown = codes_in_the_sources();
  EXPECT_GT(thrown.size(), 100u);
  EXPECT_THAT(without(thrown, listed), IsEmpty()) << "no row in docs/errors.md";
  EXPECT_THAT(without(listed, thrown), IsEmpty()) << "in docs/errors.md, but in no source";
}

TEST(Errors, TheSearchSeesCodes) {
  EXPECT_EQ(codes_in("throw Error(Fault::io, full ? \"disk-full\" : \"usage\", text(\"a b-c\"));"),
            (std::set<std::string>{"disk-full", "usage"}));
  EXPECT_THAT(codes_in("// \"no-code\"\nf(\"held-out\", \"Upper-case\", \"word\");"), IsEmpty());
}

}  // namespace
}  // namespace fluvox
