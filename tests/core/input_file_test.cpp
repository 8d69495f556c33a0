#include "core/input_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "core/error.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox {
namespace {

using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::HasSubstr;

std::string read(const InputFile& file, size_t offset, size_t count) {
  std::string out(count, '\0');
  file.read(offset, std::as_writable_bytes(std::span(out)));
  return out;
}

TEST(InputFile, IsReadWhereItIsAsked) {
  const TempFolder folder;
  spill(folder / "a", "0123456789");
  InputFile file(folder / "a", 10);
  EXPECT_TRUE(file.regular());
  EXPECT_EQ(file.size(), 10U);
  EXPECT_EQ(read(file, 7, 3), "789");
  EXPECT_EQ(read(file, 0, 2), "01");
  EXPECT_EQ(read(file, 10, 0), "");
  EXPECT_EQ(file.content(), "0123456789");
}

TEST(InputFile, CutShortWhileOpenIsAnError) {
  const TempFolder folder;
  spill(folder / "a", std::string(10'000, 'x'));
  const InputFile file(folder / "a", 10'000);
  EXPECT_EQ(read(file, 9'000, 1'000), std::string(1'000, 'x'));
  std::filesystem::resize_file(folder / "a", 9'500);
  const Error error = thrown_by([&] { read(file, 9'000, 1'000); });
  EXPECT_EQ(error.code(), "file-cut-short");
  EXPECT_EQ(error.fault(), Fault::input);
  EXPECT_THAT(error.what(), HasSubstr("10000"));
  EXPECT_THAT(error.what(), HasSubstr("9500"));
  EXPECT_EQ(read(file, 9'000, 500), std::string(500, 'x'));
}

TEST(InputFile, ReplacedWhileOpenStaysWhatItWas) {
  const TempFolder folder;
  spill(folder / "a", "old");
  const InputFile file(folder / "a", 10);
  spill(folder / "b", "another");
  std::filesystem::rename(folder / "b", folder / "a");
  EXPECT_EQ(read(file, 0, 3), "old");
}

TEST(InputFile, WhatIsNotThereOrTooLargeIsRefused) {
  const TempFolder folder;
  spill(folder / "a", "0123456789");
  EXPECT_EQ(thrown_by([&] { InputFile(folder / "a", 9); }).code(), "file-too-large");
  EXPECT_EQ(thrown_by([&] { InputFile(folder / "none", 9); }).code(), "file-missing");
}

TEST(InputFile, APipeHasItsContentOnce) {
  const TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { spill(folder / "pipe", std::string(100'000, 'p')); });
  InputFile file(folder / "pipe", 1 << 20);
  EXPECT_FALSE(file.regular());
  EXPECT_EQ(file.content(), std::string(100'000, 'p'));
  writer.join();
}

}  // namespace
}  // namespace fluvox
