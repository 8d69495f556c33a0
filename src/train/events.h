// TensorBoard's event files, written without TensorBoard: its TFRecords of protocol buffers.
//
//   record  length, u64 | masked crc32c of those 8 bytes, u32 | bytes | masked crc32c of the bytes
//   masked  rotr(crc, 15) + 0xa282ead8; all little-endian
//   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5;
//             SessionLog session_log = 7; }
//   Summary { repeated Value value = 1; }   SessionLog { int32 status = 1; }  1: start
//   Value   { string tag = 1; float simple_value = 2; Image image = 4; Audio audio = 6; }
//   Image   { int32 height = 1; width = 2; colorspace = 3; bytes encoded = 4; }
//   Audio   { float rate = 1; int64 channels = 2; frames = 3; bytes encoded = 4; string type = 5; }
//
// Each run of the program writes a file of its own; a resumed one begins with a session start, from
// whose step on TensorBoard forgets what earlier files say.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/image.h"

namespace fluvox::train {

uint32_t crc32c(std::string_view bytes);
std::string tf_record(std::string_view bytes);

class EventFile {
 public:
  // `folder`/events.out.tfevents.<seconds>.<host>.<process>; it is there from the first event on.
  EventFile(const std::filesystem::path& folder, int64_t first_step);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  void scalars(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  void picture(int64_t step, const std::string& tag, const report::Image& image);
  void sound(int64_t step, const std::string& tag, std::span<const float> samples, int rate);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write(const std::string& event);
  void summary(int64_t step, const std::string& values);

  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace fluvox::train
