// What must not happen to sound files and arrays, seen from outside: each fault with the program's
// own exit code, and nothing half done left behind. The libraries' tests go into each more deeply.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "mel/mel_file.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/made_wav.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using support::bytes_of;
using support::MadeWav;
using support::Ran;
using support::run_program;
using support::RunWith;
using support::slurp;
using support::spill;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kKinds[] = {"a.wav", "a.flac", "a.ogg", "a.opus"};

class Faults : public testing::Test {
 protected:
  Faults() {
    flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
    audio::write_sound(wav_, support::made_speech(22050, 1, 3), 22050);
    fs::create_directories(out_);
  }

  Ran render(std::vector<std::string> arguments, const RunWith& with = {}) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "render", "-m", model_});
    return run_program(arguments, with);
  }
  std::string at(const std::string& name) const { return folder_ / name; }
  std::string put(const std::string& name, const std::string& bytes) const {
    spill(folder_ / name, bytes);
    return folder_ / name;
  }
  // Many inputs, so that a run can be caught in the middle.
  std::vector<std::string> many(int count) const {
    std::vector<std::string> inputs;
    for (int i = 0; i < count; ++i) {
      inputs.push_back(at("clip" + std::to_string(i) + ".wav"));
      fs::copy_file(wav_, inputs.back());
    }
    return inputs;
  }
  // Waits until the first of the results has its name.
  void await_first() const {
    for (int i = 0; i < 5000 && !fs::exists(out_ / "clip0.wav"); ++i) ::usleep(1000);
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors", wav_ = folder_ / "speech.wav";
  const fs::path out_ = folder_ / "out";
};

TEST_F(Faults, AFullDiskIsExitFiveAndLeavesNothing) {
  const RunWith small{.in_child = [] {
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }};
  for (const char* kind : kKinds) {
    const Ran ran = render({wav_, "-o", out_ / kind}, small);
    EXPECT_EQ(ran.exit_code, 5) << kind;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, HasSubstr(kind));
    EXPECT_TRUE(fs::is_empty(out_)) << kind;
  }
  for (const std::vector<std::string>& form : {std::vector<std::string>{}, {"--output-raw"}}) {
    std::vector<std::string> arguments = {wav_, "-o", "/dev/full"};
    arguments.insert(arguments.end(), form.begin(), form.end());
    EXPECT_EQ(render(arguments).exit_code, 5);
  }
  EXPECT_EQ(render({wav_, "-o", "-"}, {.out = "/dev/full"}).exit_code, 5);
}

TEST_F(Faults, ADiskOf128KiB) {
  if (::mount("tmpfs", out_.c_str(), "tmpfs", 0, "size=128k") != 0)
    GTEST_SKIP() << "mounting a tmpfs needs root";
  const Ran ran = render({wav_, "-d", out_, "--rate", "192000"});
  const bool empty = fs::is_empty(out_);
  ::umount(out_.c_str());
  EXPECT_EQ(ran.exit_code, 5) << ran.err;
  EXPECT_TRUE(empty);
}

TEST_F(Faults, KilledInTheMiddleEveryNameIsAWholeFileAndARerunDoesTheRest) {
  std::vector<std::string> arguments = many(40);
  arguments.insert(arguments.end(), {"-d", out_});
  const Ran killed = render(arguments, {.while_running = [&](pid_t child) {
                              await_first();
                              ::kill(child, SIGKILL);
                            }});
  EXPECT_EQ(killed.exit_code, -SIGKILL);
  // What SIGKILL leaves of the file at work has a name of its own, hidden.
  const auto is_final = [](const fs::path& path) {
    return path.extension() == ".wav" && path.filename().string().front() != '.';
  };
  size_t done = 0;
  for (const auto& entry : fs::directory_iterator(out_))
    if (is_final(entry.path())) {
      ++done;
      EXPECT_GT(audio::read_sound(entry.path()).samples.size(), 22050u);
    }
  EXPECT_LT(done, 40u);
  EXPECT_EQ(render(arguments).exit_code, 0);
  for (int i = 0; i < 40; ++i)
    EXPECT_NO_THROW(audio::read_sound(out_ / ("clip" + std::to_string(i) + ".wav")));
}

TEST_F(Faults, ASignalLeavesWholeFilesAndNothingElse) {
  std::vector<std::string> arguments = many(40);
  arguments.insert(arguments.end(), {"-d", out_});
  for (const int signal : {SIGINT, SIGTERM}) {
    const Ran ran = render(arguments, {.while_running = [&](pid_t child) {
                             await_first();
                             ::kill(child, signal);
                           }});
    EXPECT_EQ(ran.exit_code, 128 + signal);
    EXPECT_THAT(ran.err, HasSubstr(" ok, 0 failed"));
    for (const auto& entry : fs::directory_iterator(out_)) {
      EXPECT_EQ(entry.path().extension(), ".wav");
      EXPECT_NO_THROW(audio::read_sound(entry.path()));
      fs::remove(entry.path());
    }
  }
}

TEST_F(Faults, AReaderThatGoesAwayIsNoError) {
  const Ran ran = render({wav_, "-o", "-", "-q"}, {.in_child = [] {
                           int ends[2];
                           if (::pipe(ends) != 0) ::_exit(126);
                           ::close(ends[0]);
                           ::dup2(ends[1], 1);
                         }});
  EXPECT_EQ(ran.exit_code, 141);
  EXPECT_EQ(ran.err, "");
}

TEST_F(Faults, APipeCarriesWhatTheFileHolds) {
  const std::string program = FLUVOX_PROGRAM;
  for (const char* encoding : {"s16", "s24", "f32"}) {
    ASSERT_EQ(render({wav_, "-o", at("file.wav"), "--encoding", encoding}).exit_code, 0);
    const Ran ran = run_program({"/bin/sh", "-c",
                                 "'" + program + "' render -q -m '" + model_ + "' '" + wav_ +
                                     "' -o - --encoding " + encoding + " | '" + program +
                                     "' mel -q - -o '" + at("piped.npy") + "'"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    ASSERT_EQ(run_program({program, "mel", at("file.wav"), "-o", at("file.npy")}).exit_code, 0);
    EXPECT_EQ(slurp(at("piped.npy")), slurp(at("file.npy"))) << encoding;
  }
}

TEST_F(Faults, EveryBadSoundIsNamedWithItsReasonAndTheOthersAreDone) {
  std::mt19937 random(1);
  std::string noise(3000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  MadeWav wav;
  wav.data = bytes_of(std::vector<std::int16_t>(3000, 1000));
  const auto with = [&](auto change) {
    MadeWav changed = wav;
    change(changed);
    return changed.bytes();
  };
  const std::vector<std::pair<std::string, std::string>> bad = {
      {put("empty.wav", ""), "found 0 bytes"},
      {put("text.wav", "LJ001-0001|Printing\n"), "not readable as sound"},
      {put("random.wav", noise), "not readable as sound"},
      {put("cut.wav", wav.bytes().substr(0, 3000)), "the file is cut short"},
      {put("claims.wav", with([](MadeWav& w) { w.claimed = 0x70000000; })),
       "the file is cut short"},
      {put("rate0.wav", with([](MadeWav& w) { w.rate = 0; })), "rate0.wav"},
      {put("channels.wav", with([](MadeWav& w) { w.channels = 65535; })), "channels.wav"},
      {put("nan.wav", with([](MadeWav& w) {
             w.code = 3;
             w.bits = 32;
             w.data = bytes_of(std::vector<float>{0, NAN, 0});
           })),
       "found nan at sample 1"},
      {put("infinite.wav", with([](MadeWav& w) {
             w.code = 3;
             w.bits = 32;
             w.data = bytes_of(std::vector<float>{0, 0, INFINITY});
           })),
       "found inf at sample 2"},
      {put("nothing.wav", with([](MadeWav& w) { w.data.clear(); })), "found 0 samples"},
      {at("none.wav"), "none.wav"},
  };
  std::vector<std::string> arguments = {FLUVOX_PROGRAM, "mel", "-d", out_, "--json", wav_};
  for (const auto& [path, reason] : bad) arguments.push_back(path);
  // The file's own size wins over a length that says "unknown"; silence and one sample have a mel.
  arguments.push_back(put("unknown.wav", with([](MadeWav& w) { w.claimed = 0xFFFFFFFF; })));
  arguments.push_back(put("silent.wav", with([](MadeWav& w) { w.data.assign(6000, '\0'); })));
  arguments.push_back(put("one.wav", with([](MadeWav& w) { w.data = std::string(2, '\1'); })));
  const Ran ran = run_program(arguments);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("4 ok, 11 failed, 0 skipped"));
  std::istringstream lines(ran.out);
  std::string line;
  std::getline(lines, line);
  for (const auto& [path, reason] : bad) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto result = nlohmann::json::parse(line);
    EXPECT_EQ(result["input"], path);
    EXPECT_THAT(result["error"]["message"].get<std::string>(), HasSubstr(reason));
    EXPECT_FALSE(fs::exists(out_ / fs::path(path).stem().concat(".npy"))) << path;
  }
  for (const char* name : {"unknown.npy", "silent.npy", "one.npy"})
    EXPECT_NO_THROW(mel::read_mel(out_ / name, mel::convention("tacotron2"))) << name;
}

TEST_F(Faults, EveryBadArrayIsNamedWithItsReasonAndTheOthersAreDone) {
  const runtime::Session session(flow::read_model(model_));
  const mel::Mel good = session.analyse(audio::read_sound(wav_).samples);
  mel::write_mel(at("good.npy"), good, session.convention());
  const std::string whole = slurp(at("good.npy"));
  const auto array = [&](const std::string& name, const std::vector<size_t>& shape, float value) {
    size_t count = 1;
    for (const size_t length : shape) count *= length;
    return put(name, mel::npy_bytes(shape, std::vector<float>(count, value)));
  };
  std::string objects = whole;
  objects.replace(objects.find("<f4"), 3, "|O ");
  std::string claims = whole;
  claims.replace(claims.find("(8, "), 4, "(80,");
  const std::string sidecar = slurp(at("good.npy.json"));
  put("beside.npy", whole);
  put("beside.npy.json", sidecar.substr(0, sidecar.size() / 2));
  const std::vector<std::pair<std::string, std::string>> bad = {
      {put("empty.npy", ""), "is too short"},
      {put("text.npy", "this is no array"), "is not a .npy file"},
      {put("cut.npy", whole.substr(0, whole.size() - 10)), "the file is truncated"},
      {put("longer.npy", whole + "xx"), "follow the header"},
      {put("claims.npy", claims), "the file is truncated"},
      {put("objects.npy", objects), "holds Python objects, which are never loaded"},
      {array("nan.npy", {8, 5}, NAN), "the value at [0, 0] is NaN"},
      {array("infinite.npy", {8, 5}, INFINITY), "the value at [0, 0] is NaN, infinite"},
      {array("seven.npy", {7, 5}, 0), "expected a mel of shape (8, T) or (T, 8), found (7, 5)"},
      {array("batch.npy", {2, 8, 5}, 0), "found (2, 8, 5)"},
      {array("none.npy", {8, 0}, 0), "is an empty array"},
      {put("archive.npz", "PK\x03\x04" + std::string(100, 'x')), "save one array with numpy.save"},
      {put("torch.pt", "\x80\x02" + std::string("cos\nsystem\n(S'true'\ntR.")), "torch.pt"},
      {at("beside.npy"), "beside.npy.json: is not JSON"},
  };
  std::vector<std::string> arguments = {at("good.npy"), "-d", out_, "--json"};
  for (const auto& [path, reason] : bad) arguments.push_back(path);
  const Ran ran = render(arguments);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("1 ok, 14 failed, 0 skipped"));
  std::istringstream lines(ran.out);
  std::string line;
  std::getline(lines, line);
  for (const auto& [path, reason] : bad) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto result = nlohmann::json::parse(line);
    EXPECT_EQ(result["input"], path);
    EXPECT_THAT(result["error"]["message"].get<std::string>(),
                AllOf(HasSubstr(fs::path(path).filename()), HasSubstr(reason)));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(out_), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace fluvox::cli
