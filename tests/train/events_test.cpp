#include "train/events.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/python.h"
#include "support/run_program.h"

namespace fluvox::train {
namespace {

using support::slurp;

// Vectors of RFC 3720, B.4.
TEST(Events, Crc32cHasThePublishedValues) {
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c(falling), 0x113fdb5cU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

uint64_t number(const std::string& bytes, size_t at, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

// The masking undone by its definition: what was added is taken away, what was turned turned back.
uint32_t unmasked(uint64_t value) {
  const uint32_t turned = static_cast<uint32_t>(value) - 0xa282ead8U;
  return turned << 15 | turned >> 17;
}

TEST(Events, ARecordIsFramed) {
  const std::string record = tf_record("123456789");
  ASSERT_EQ(record.size(), 8u + 4 + 9 + 4);
  EXPECT_EQ(number(record, 0, 8), 9u);
  EXPECT_EQ(unmasked(number(record, 8, 4)), crc32c(record.substr(0, 8)));
  EXPECT_EQ(record.substr(12, 9), "123456789");
  EXPECT_EQ(unmasked(number(record, 21, 4)), 0xe3069283U);
}

std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> list;
  for (size_t at = 0; at < file.size();) {
    const size_t length = number(file, at, 8);
    list.push_back(file.substr(at + 12, length));
    at += length + 16;
  }
  return list;
}

TEST(Events, AFileBeginsWithItsVersionAndASessionStart) {
  const support::TempFolder folder;
  EventFile events(folder.path(), 300);
  events.scalars(301, {{"train", 4.25}});
  const auto records = records_of(slurp(events.path()));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].substr(9),
            "\x1a\x0d"
            "brain.Event:2");
  // step 300 = 0xac 0x02, field 7 of two bytes: field 1 = 1
  EXPECT_EQ(records[1].substr(9), std::string("\x10\xac\x02\x3a\x02\x08\x01", 7));
  // summary of 14 bytes: a value of 12: the tag, and 4.25 = 0x40880000
  EXPECT_EQ(records[2].substr(9),
            std::string("\x10\xad\x02\x2a\x0e\x0a\x0c\x0a\x05train\x15\x00\x00\x88\x40", 19));
}

TEST(Events, TensorBoardReadsThem) {
  const std::string python = support::python_with("tensorboard");
  if (python.empty()) GTEST_SKIP() << "no Python here has tensorboard";
  const support::TempFolder folder;
  {
    EventFile events(folder.path(), 0);
    events.scalars(5, {{"train", 4.25}, {"rate", 0.5}});
    events.scalars(10, {{"train", 4.5}});
    report::Image image(7, 3);
    image.set(6, 2, {1, 2, 3});
    events.picture(7, "mel", image);
    events.sound(7, "sample", std::vector<float>{0.0f, 0.5f, -0.5f}, 22050);
  }
  {
    EventFile resumed(folder.path(), 10);
    resumed.scalars(12, {{"train", 4.75}});
  }
  support::spill(folder / "read.py", R"(
import io, struct, sys, wave
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={"images": 0, "audio": 0, "scalars": 0})
a.Reload()
print([(e.step, e.value) for e in a.Scalars("train")], [(e.step, e.value) for e in a.Scalars("rate")])
i = a.Images("mel")[0]
print(i.step, i.width, i.height, i.encoded_image_string[1:4])
s = a.Audio("sample")[0]
w = wave.open(io.BytesIO(s.encoded_audio_string))
print(s.step, s.sample_rate, s.content_type, w.getframerate(), struct.unpack("<3h", w.readframes(3)))
)");
  std::string found =
      support::run_program({"/usr/bin/env", python, folder / "read.py", folder.path().string()})
          .out;
  EXPECT_EQ(found,
            "[(5, 4.25), (12, 4.75)] [(5, 0.5)]\n7 7 3 b'PNG'\n"
            "7 22050.0 audio/wav 22050 (0, 16384, -16384)\n");
}

}  // namespace
}  // namespace fluvox::train
