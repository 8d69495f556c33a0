// PNG files against libpng's own reader.
#include "report/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <filesystem>
#include <random>

#include "core/error.h"
#include "support/file_size_limit.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::report {
namespace {

Image decode(const std::string& bytes) {
  png_image head = {};
  head.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&head, bytes.data(), bytes.size())) << head.message;
  EXPECT_EQ(head.format, png_uint_32{PNG_FORMAT_RGB});
  head.format = PNG_FORMAT_RGB;
  Image image(static_cast<int>(head.width), static_cast<int>(head.height));
  EXPECT_TRUE(png_image_finish_read(&head, nullptr, image.rgb.data(), 0, nullptr)) << head.message;
  return image;
}

Image random_image(int width, int height) {
  std::mt19937 random(static_cast<unsigned>(width * 31 + height));
  Image image(width, height);
  for (uint8_t& value : image.rgb) value = static_cast<uint8_t>(random());
  return image;
}

TEST(Png, DecodesToTheSamePixels) {
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {1, 500}, {1200, 70}}) {
    const Image image = random_image(width, height);
    const Image back = decode(encode_png(image));
    EXPECT_EQ(back.width, width);
    EXPECT_EQ(back.height, height);
    EXPECT_EQ(back.rgb, image.rgb);
  }
}

TEST(Png, FileIsReplacedWholeAndLeavesNothingElse) {
  const support::TempFolder folder;
  support::spill(folder / "picture.png", "what was here before");
  const Image image = random_image(20, 10);
  write_png(folder / "picture.png", image);
  EXPECT_EQ(decode(support::slurp(folder / "picture.png")).rgb, image.rgb);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"picture.png"});
}

TEST(Png, FailuresAreIoErrorsAndLeaveNoFile) {
  const support::TempFolder folder;
  const auto fault_of = [](const std::filesystem::path& path) {
    return support::thrown_by([&] { write_png(path, random_image(64, 64)); }).fault();
  };
  EXPECT_EQ(fault_of(folder / "missing/picture.png"), Fault::io);
  EXPECT_EQ(fault_of("/dev/full"), Fault::io);
  {
    const support::FileSizeLimit full(1000);
    EXPECT_EQ(fault_of(folder / "picture.png"), Fault::io);
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(Image, RefusesSizesThatAreNoPicture) {
  EXPECT_THROW(Image(0, 5), Error);
  EXPECT_THROW(Image(5, -1), Error);
  EXPECT_THROW(Image(40000, 40000), Error);
}

}  // namespace
}  // namespace fluvox::report
