#include "mel/mel_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "mel/made_sound.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::mel {
namespace {

using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

Mel some_mel(const Convention& c, int frames) {
  Mel mel = analyse(made::noise(static_cast<size_t>(c.hop * (frames + 2)), 0.5), c);
  mel.frames = frames;
  mel.values.resize(static_cast<size_t>(frames * c.bands));
  return mel;
}

std::vector<float> turned(const Mel& mel) {
  std::vector<float> out;
  for (int band = 0; band < mel.bands; ++band)
    for (int frame = 0; frame < mel.frames; ++frame)
      out.push_back(mel.frame(frame)[static_cast<size_t>(band)]);
  return out;
}

TEST(MelFile, EveryShapeIsTheSameMel) {
  const Mel mel = some_mel(Convention{}, 7);
  const std::vector<float> by_band = turned(mel);
  const std::vector<NpyArray> arrays = {
      {{80, 7}, by_band}, {{1, 80, 7}, by_band}, {{7, 80}, mel.values}, {{1, 7, 80}, mel.values}};
  for (const NpyArray& array : arrays) {
    const Mel read = mel_of_array(array, 80, Layout::automatic, "x");
    EXPECT_EQ(read.frames, 7);
    EXPECT_EQ(read.bands, 80);
    EXPECT_EQ(read.values, mel.values);
  }
  EXPECT_EQ(mel_of_array(arrays[0], 80, Layout::bands_frames, "x").values, mel.values);
  EXPECT_EQ(thrown_by([&] { mel_of_array(arrays[0], 80, Layout::frames_bands, "x"); }).code(),
            "mel-shape");
}

TEST(MelFile, OtherShapesAreRefusedWithTheExpectedOne) {
  for (const std::vector<size_t>& shape : std::vector<std::vector<size_t>>{
           {80}, {}, {2, 80, 3}, {79, 5}, {1, 1, 80, 3}, {80, 3, 1}, {100, 90}}) {
    size_t count = 1;
    for (const size_t length : shape) count *= length;
    const Error error = thrown_by([&] {
      mel_of_array({shape, std::vector<float>(count)}, 80, Layout::automatic, "x.npy");
    });
    EXPECT_EQ(error.code(), "mel-shape");
    EXPECT_THAT(error.what(), HasSubstr("x.npy"));
    EXPECT_THAT(error.what(), HasSubstr("(80, T) or (T, 80), found " + shape_text(shape)));
  }
}

TEST(MelFile, AsManyFramesAsBandsAsksForTheLayout) {
  const Mel mel = some_mel(Convention{}, 80);
  const NpyArray array{{80, 80}, mel.values};
  const Error error = thrown_by([&] { mel_of_array(array, 80, Layout::automatic, "x.npy"); });
  EXPECT_EQ(error.fault(), Fault::usage);
  EXPECT_THAT(error.what(), HasSubstr("--layout"));
  EXPECT_EQ(mel_of_array(array, 80, Layout::frames_bands, "x").values, mel.values);
  EXPECT_EQ(mel_of_array({{80, 80}, turned(mel)}, 80, Layout::bands_frames, "x").values,
            mel.values);
  EXPECT_EQ(layout("auto"), Layout::automatic);
  EXPECT_EQ(layout("bands-frames"), Layout::bands_frames);
  EXPECT_EQ(layout("frames-bands"), Layout::frames_bands);
  EXPECT_THAT(thrown_by([] { layout("frame-bands"); }).what(),
              HasSubstr("did you mean 'frames-bands'"));
}

TEST(MelFile, WritesAndReadsEveryConventionWithItsSidecar) {
  const TempFolder folder;
  for (const std::string& name : names()) {
    const Convention c = convention(name);
    const Mel mel = some_mel(c, c.bands);  // square: the sidecar says the layout
    write_mel(folder / "a.npy", mel, c);
    EXPECT_THAT(folder.names(), UnorderedElementsAre("a.npy", "a.npy.json"));
    EXPECT_EQ(read_mel(folder / "a.npy", c).values, mel.values) << name;
    EXPECT_EQ(to_json(*read_sidecar(folder / "a.npy")), to_json(c));
    const bool by_frame = c.layout == "frames-bands";
    EXPECT_EQ(read_npy(folder / "a.npy").values, by_frame ? mel.values : turned(mel));
  }
}

TEST(MelFile, AnotherConventionIsConvertedOrRefusedByName) {
  const TempFolder folder;
  Convention decimal;
  decimal.log = "log10";
  write_mel(folder / "a.npy", some_mel(decimal, 9), decimal);
  const Mel wanted = some_mel(Convention{}, 9), read = read_mel(folder / "a.npy", Convention{});
  for (size_t i = 0; i < wanted.values.size(); ++i)
    EXPECT_NEAR(read.values[i], wanted.values[i], 1e-5);
  Convention narrow;
  narrow.fmax = 7600;
  const Error error = thrown_by([&] { read_mel(folder / "a.npy", narrow); });
  EXPECT_EQ(error.code(), "mel-convention");
  EXPECT_THAT(error.what(), HasSubstr("a.npy"));
  EXPECT_THAT(error.what(), HasSubstr("fmax 8000 against 7600"));
  EXPECT_EQ(thrown_by([&] { read_mel(folder / "a.npy", convention("vocos")); }).code(),
            "mel-convention");
}

TEST(MelFile, PieceByPieceIsTheWhole) {
  const TempFolder folder;
  Convention decimal;
  decimal.log = "log10";
  const int frames = 300;
  const Mel mel = some_mel(decimal, frames);
  for (const bool by_band : {false, true})
    for (const bool fortran : {false, true})
      for (const bool converted : {false, true}) {
        // A row of the file holds the bands of a frame, or the frames of a band.
        const bool bands_lie_apart = by_band != fortran;
        const std::string shape = by_band ? text("(80, ", frames, ")") : text("(", frames, ", 80)");
        const std::vector<float> values = bands_lie_apart ? turned(mel) : mel.values;
        std::string bytes = npy_bytes(std::vector<size_t>{80, static_cast<size_t>(frames)}, values);
        bytes.replace(0, 128, std::string("\x93NUMPY\x01\x00v\x00", 10));
        std::string header = text("{'descr': '<f4', 'fortran_order': ", fortran ? "True" : "False",
                                  ", 'shape': ", shape, ", }");
        header.resize(118, ' ');
        bytes.insert(10, header);
        write_mel(folder / "a.npy", mel, decimal);
        spill(folder / "a.npy", bytes);
        if (!converted) std::filesystem::remove(folder / "a.npy.json");
        const Layout layout = by_band ? Layout::bands_frames : Layout::frames_bands;
        const MelSource source = open_mel(folder / "a.npy", Convention{}, layout);
        ASSERT_EQ(source.frames, frames);
        ASSERT_EQ(source.bands, 80);
        Mel joined{0, 80, {}};
        for (int at = 0, count = 1; at < frames;
             at += count, count = std::min(2 * count, frames - at)) {
          const Mel part = source.read(at, count);
          ASSERT_EQ(part.frames, count);
          joined.values.insert(joined.values.end(), part.values.begin(), part.values.end());
        }
        EXPECT_EQ(joined.values, read_mel(folder / "a.npy", Convention{}, layout).values);
        if (!converted) {
          EXPECT_EQ(joined.values, mel.values) << shape << fortran;
        }
      }
}

TEST(MelFile, BadSidecarsAreRefused) {
  const TempFolder folder;
  write_mel(folder / "a.npy", some_mel(Convention{}, 9), Convention{});
  const std::string good = support::slurp(folder / "a.npy.json");
  const std::vector<std::string> bad = {
      "",
      "{",
      "null",
      "[]",
      "{}",
      R"({"fluvox_mel": 2, "convention": {}})",
      R"({"fluvox_mel": 1, "convention": []})",
      R"({"fluvox_mel": 1, "convention": {"fft": 1e9}})",
      R"({"fluvox_mel": 1, "convention": {"hopp": 1}})",
      R"({"fluvox_mel": 1, "konvention": {}})",
      R"({"fluvox_mel": 1, "convention": {"fft": )" + std::string(400'000, '[') +
          std::string(400'000, ']') + "}}",
      std::string(400'000, '['),
      std::string(2'000'000, ' '),
      "{\"name\": \"\xff\xfe\"}",
      good.substr(0, good.size() / 2),
  };
  for (const std::string& text : bad) {
    spill(folder / "a.npy.json", text);
    const Error error = thrown_by([&] { read_mel(folder / "a.npy", Convention{}); });
    EXPECT_EQ(error.fault(), Fault::input) << text.substr(0, 80);
    EXPECT_THAT(error.what(), HasSubstr("a.npy.json")) << text.substr(0, 80);
  }
  made::Random random(5);
  for (int round = 0; round < 300; ++round) {
    std::string text = good;
    for (int i = 0; i < 3; ++i)
      text[random.bits() % text.size()] = static_cast<char>(random.bits());
    spill(folder / "a.npy.json", text);
    try {
      read_mel(folder / "a.npy", Convention{});
    } catch (const Error&) {
    }
  }
}

// While it lives every file ends at 1000 bytes, like on a full disk.
class NoRoom {
 public:
  NoRoom() {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit small = limit_;
    small.rlim_cur = 1000;
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~NoRoom() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, handler_);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit limit_{};
  void (*handler_)(int) = nullptr;
};

TEST(MelFile, NoSidecarOutlivesItsArray) {
  const TempFolder folder;
  write_mel(folder / "a.npy", some_mel(Convention{}, 9), Convention{});
  // The same convention again: the sidecar stays as it is.
  const auto written = std::filesystem::last_write_time(folder / "a.npy.json");
  write_mel(folder / "a.npy", some_mel(Convention{}, 5), Convention{});
  EXPECT_EQ(std::filesystem::last_write_time(folder / "a.npy.json"), written);
  const std::string before = support::slurp(folder / "a.npy");
  const Convention other = convention("hifigan");
  const Mel same_mel = some_mel(Convention{}, 9), other_mel = some_mel(other, 9);
  {
    const NoRoom no_room;
    EXPECT_EQ(thrown_by([&] { write_mel(folder / "a.npy", same_mel, Convention{}); }).fault(),
              Fault::io);
    EXPECT_EQ(read_sidecar(folder / "a.npy")->name, "tacotron2");
    // Of another convention: the older pair stays whole.
    EXPECT_EQ(thrown_by([&] { write_mel(folder / "a.npy", other_mel, other); }).fault(), Fault::io);
    EXPECT_EQ(read_sidecar(folder / "a.npy")->name, "tacotron2");
  }
  EXPECT_EQ(support::slurp(folder / "a.npy"), before);
  EXPECT_THAT(folder.names(), UnorderedElementsAre("a.npy", "a.npy.json"));
  write_mel(folder / "a.npy", other_mel, other);
  EXPECT_EQ(read_sidecar(folder / "a.npy")->name, "hifigan");
}

TEST(MelFile, DevicesGetNoSidecar) {
  EXPECT_EQ(
      thrown_by([] { write_mel("/dev/full", some_mel(Convention{}, 5), Convention{}); }).fault(),
      Fault::io);
  write_mel("/dev/null", some_mel(Convention{}, 5), Convention{});
  EXPECT_FALSE(std::filesystem::exists("/dev/null.json"));
  EXPECT_EQ(thrown_by([] {
              write_mel("/dev/null", some_mel(convention("vocos"), 5), Convention{});
            }).code(),
            "mel-bands");
}

}  // namespace
}  // namespace fluvox::mel
