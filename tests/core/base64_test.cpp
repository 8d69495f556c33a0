#include "core/base64.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// RFC 4648, section 10
const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};

TEST(Base64, IsThatOfTheStandard) {
  for (const auto& [plain, coded] : kVectors) {
    EXPECT_EQ(to_base64(bytes(plain)), coded);
    const auto back = from_base64(coded, "here");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(back.data()), back.size()), plain);
  }
  EXPECT_EQ(to_base64(bytes("\xfb\xff\xfe")), "+//+");
}

TEST(Base64, EveryByteStringComesBack) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 200; ++size) {
    std::vector<std::byte> given(size);
    for (std::byte& b : given) b = static_cast<std::byte>(random());
    EXPECT_EQ(from_base64(to_base64(given), "here"), given);
  }
}

TEST(Base64, RefusesEveryOtherSpelling) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Zg==Zg==", "Zm9v\n", "Zm 9",
                           "Zm9_", "Zm9-", "Z===", "Zh==", "Zm9=", "\xff\xff\xff\xff"})
    EXPECT_THROW(from_base64(text, "here"), Error) << text;
}

}  // namespace
}  // namespace fluvox
