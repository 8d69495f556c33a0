#include "report/png.h"

#include <png.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fluvox::report {

std::string encode_png(const Image& image) {
  // libpng's simplified writer reports errors by value: no longjmp through our frames.
  png_image head = {};
  head.version = PNG_IMAGE_VERSION;
  head.width = static_cast<png_uint_32>(image.width);
  head.height = static_cast<png_uint_32>(image.height);
  head.format = PNG_FORMAT_RGB;

  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(head);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&head, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr))
    throw Error(
        Fault::io, "png-failed",
        text("cannot encode a PNG of ", image.width, " x ", image.height, ": ", head.message));
  bytes.resize(size);
  return bytes;
}

void write_png(const std::string& path, const Image& image) {
  write_file_atomically(path, encode_png(image));
}

}  // namespace fluvox::report
