#include "import/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/made_torch.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using made::little;
using made::MadeZip;
using support::thrown_by;
using testing::HasSubstr;

Error refusal(const std::string& bytes) {
  return thrown_by([&] { read_zip(bytes, "x.pt"); });
}
std::string patched(std::string bytes, size_t at, const std::string& with) {
  return bytes.replace(at, with.size(), with);
}

const std::vector<made::ZipEntry> kTwo = {{"a/one", "first"}, {"a/two", "second content"}};

TEST(Crc32, IsThePublishedOne) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value of CRC-32/ISO-HDLC
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(crc32(bytes), made::slow_crc32(bytes)) << i;
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Zip, ReadsStoredEntriesWithAndWithoutZip64) {
  for (const bool zip64 : {false, true})
    for (const bool zip64_end : {false, true}) {
      auto entries = kTwo;
      entries[1].zip64 = zip64;
      entries.push_back({"a/none", ""});
      const std::string bytes = made::zip(entries, zip64_end).bytes;
      const auto read = read_zip(bytes, "x.pt");
      ASSERT_EQ(read.size(), 3U);
      EXPECT_EQ(read.at("a/one"), "first");
      EXPECT_EQ(read.at("a/two"), "second content");
      EXPECT_EQ(read.at("a/none"), "");
    }
  EXPECT_TRUE(read_zip(made::zip({}).bytes, "x.pt").empty());
  const std::string commented =
      patched(made::zip(kTwo).bytes, made::zip(kTwo).end + 20, little(3, 2)) + "hey";
  EXPECT_EQ(read_zip(commented, "x.pt").size(), 2U);
}

TEST(Zip, TakesSizesFromTheZip64RecordWhereTheOrdinaryOneHasNoRoom) {
  const MadeZip zip = made::zip(kTwo, true);
  std::string bytes = patched(zip.bytes, zip.end + 8, std::string(12, '\xff'));
  EXPECT_EQ(read_zip(bytes, "x.pt").size(), 2U);
  const size_t end64 = zip.end - 76;
  EXPECT_THAT(refusal(patched(zip.bytes, end64 + 32, little(1, 8))).what(), HasSubstr("several"));
  bytes = patched(patched(zip.bytes, end64 + 24, little(1, 8)), end64 + 32, little(1, 8));
  EXPECT_THAT(refusal(bytes).what(), HasSubstr("contradict"));
  EXPECT_EQ(refusal(patched(zip.bytes, end64, "XXXX")).code(), "zip-invalid");
  EXPECT_EQ(refusal(patched(zip.bytes, zip.end - 12, little(~0ULL, 8))).code(), "zip-truncated");
  EXPECT_THAT(refusal(patched(zip.bytes, zip.end - 12, little(end64 + 10, 8))).what(),
              HasSubstr("ZIP64 end record"));
}

TEST(Zip, RefusesNamesThatLeadAway) {
  for (const char* name : {"../x", "a/../x", "a/..", "..", "/etc/x", "C:/x", "a\\x", ""})
    EXPECT_EQ(refusal(made::zip({{name, "x"}}).bytes).code(), "zip-name") << name;
  EXPECT_EQ(refusal(made::zip({{std::string("a\0b", 3), "x"}}).bytes).code(), "zip-name");
  EXPECT_EQ(read_zip(made::zip({{"a/..b/...", "x"}}).bytes, "x.pt").size(), 1U);
}

TEST(Zip, RefusesWhatIsNotOneStoredEntry) {
  const MadeZip zip = made::zip(kTwo);
  const size_t central = zip.central[1], local = zip.local[1];
  EXPECT_THAT(refusal(made::zip({{"a", "1"}, {"a", "2"}}).bytes).what(),
              HasSubstr("two entries of the name \"a\""));
  const Error deflated = refusal(patched(zip.bytes, central + 10, little(8, 2)));
  EXPECT_EQ(deflated.code(), "zip-compressed");
  EXPECT_THAT(deflated.what(), HasSubstr("x.pt: the entry \"a/two\" is compressed (deflated"));
  EXPECT_EQ(refusal(patched(zip.bytes, central + 10, little(93, 2))).code(), "zip-compressed");
  EXPECT_THAT(refusal(patched(zip.bytes, central + 8, little(1, 2))).what(),
              HasSubstr("encrypted"));
  EXPECT_THAT(refusal(patched(zip.bytes, central + 24, little(3, 4))).what(),
              HasSubstr("two sizes"));
  EXPECT_THAT(refusal(patched(zip.bytes, local + 8, little(8, 2))).what(),
              HasSubstr("another one"));
  EXPECT_THAT(refusal(patched(zip.bytes, local + 30, "b")).what(), HasSubstr("another one"));
  EXPECT_EQ(refusal(patched(zip.bytes, local, "XXXX")).code(), "zip-invalid");
  // The second entry is said to be the first one: shared bytes under two names.
  const MadeZip same = made::zip({{"a", "1"}, {"a", "1"}});
  EXPECT_THAT(refusal(patched(same.bytes, same.central[1] + 42, little(0, 4))).what(),
              HasSubstr("two entries"));
  const MadeZip nested = made::zip({{"a", made::zip({{"b", "x"}}).bytes}, {"b", "x"}});
  EXPECT_THAT(refusal(patched(nested.bytes, nested.central[1] + 42, little(31, 4))).what(),
              HasSubstr("the entries \"a\" and \"b\" overlap"));
}

TEST(Zip, RefusesDamage) {
  const MadeZip zip = made::zip(kTwo);
  const size_t content = zip.bytes.find("second content");
  const Error damaged = refusal(patched(zip.bytes, content + 3, "0"));
  EXPECT_EQ(damaged.code(), "zip-damaged");
  EXPECT_THAT(damaged.what(), HasSubstr("x.pt: the entry \"a/two\" is damaged"));
  for (size_t length = 0; length < zip.bytes.size(); ++length)
    EXPECT_EQ(refusal(zip.bytes.substr(0, length)).code(), "zip-truncated") << length;
  // Pieces of the directory missing in the middle of the file.
  std::string shorter = zip.bytes;
  shorter.erase(zip.central[1] + 20, 10);
  EXPECT_EQ(refusal(shorter).code(), "zip-truncated");
}

TEST(Zip, RefusesDirectoriesThatDoNotAddUp) {
  const MadeZip zip = made::zip(kTwo);
  const auto counts = [&](uint64_t n) {
    return patched(zip.bytes, zip.end + 8, little(n, 2) + little(n, 2));
  };
  EXPECT_THAT(refusal(counts(1)).what(), HasSubstr("more than its 1 entries"));
  EXPECT_THAT(refusal(counts(60000)).what(), HasSubstr("too short"));
  EXPECT_EQ(refusal(patched(zip.bytes, zip.end + 8, little(3, 2))).code(), "zip-invalid");
  EXPECT_EQ(refusal(patched(zip.bytes, zip.end + 12, little(1 << 30, 4))).code(), "zip-truncated");
  EXPECT_EQ(refusal(patched(zip.bytes, zip.end + 16, little(~0U, 4))).code(), "zip-truncated");
  EXPECT_EQ(refusal(patched(zip.bytes, zip.central[1] + 28, little(0xffff, 2))).code(),
            "zip-truncated");
  EXPECT_EQ(refusal(patched(zip.bytes, zip.central[1] + 42, little(1 << 30, 4))).code(),
            "zip-truncated");
  std::string longer = patched(zip.bytes, zip.central[1] + 20, little(1 << 20, 4));
  EXPECT_EQ(refusal(patched(longer, zip.central[1] + 24, little(1 << 20, 4))).code(),
            "zip-truncated");
  EXPECT_THAT(refusal(patched(zip.bytes, zip.central[1] + 42, little(~0U, 4))).what(),
              HasSubstr("lacks its ZIP64 sizes"));
}

}  // namespace
}  // namespace fluvox::imports
