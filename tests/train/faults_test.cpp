// The training program with one of its calls about files failing, once or from there on, and killed
// after one that changes a file. Whatever happens, what has a name is whole, one sentence says what
// failed, and --resume ends in the model of a run that nothing disturbed, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sstream>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "support/io_faults.h"
#include "support/made_speech.h"
#include "train/checkpoint.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;
using support::IoFault;
using support::Ran;
using support::slurp;
using testing::HasSubstr;

class TrainingFaults : public testing::Test {
 protected:
  TrainingFaults() {
    fs::create_directories(corpus_);
    for (const char* name : {"a", "b"})
      audio::write_sound(corpus_ / (std::string(name) + ".wav"),
                         support::made_speech(8000, 0.4, static_cast<unsigned>(name[0])), 8000);
  }

  // Three steps of a tiny model, each saved.
  std::vector<std::string> command() const {
    std::vector<std::string> words = {
        FLUVOX_TRAIN_PROGRAM, "train", "-d",         run_,  "--resume",
        "--threads",          "1",     "--progress", "none"};
    for (const std::string& setting :
         {std::string("steps=3"), std::string("save_every=1"), std::string("measure_every=3"),
          std::string("keep=1"), std::string("frames=8"), std::string("batch=1"),
          std::string("settings={channels=4,dilations=[1],rounds=1,hidden=4,width=4}"),
          std::string("mel={sample_rate=8000,fft=64,window=64,hop=16,bands=6,fmax=4000.0}"),
          text("corpora=[{path='", corpus_.string(), "',held_out=0}]")})
      words.insert(words.end(), {"--set", setting});
    return words;
  }

  std::string undisturbed() const {
    const Ran ran = support::run_program(command());
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return slurp(run_ / "model.safetensors");
  }

  void expect_names_are_whole() const {
    if (!fs::exists(run_)) return;
    for (const auto& entry : fs::directory_iterator(run_)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("checkpoint-")) {
        EXPECT_NO_THROW(read_checkpoint(entry.path())) << name;
      } else if (name == "model.safetensors" || name == "best.safetensors") {
        EXPECT_NO_THROW(flow::read_model(entry.path())) << name;
      }
    }
  }
  bool has_temporaries() const {
    if (!fs::exists(run_)) return false;
    for (const auto& entry : fs::recursive_directory_iterator(run_))
      if (entry.path().filename().string().starts_with(".fluvox-")) return true;
    return false;
  }

  void expect_resumes_to(const std::string& model) const {
    const Ran ran = support::run_program(command());
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_TRUE(slurp(run_ / "model.safetensors") == model);
  }

  // At most `most` of the calls, evenly: a run takes a good part of a second.
  template <class Expect>
  void sweep(IoFault fault, int most, Expect expect) {
    fault.under = folder_.path();
    const std::string model = undisturbed();
    fs::remove_all(run_);
    const int calls = support::calls_of(command(), FLUVOX_IO_SHIM, fault);
    ASSERT_GT(calls, 15);
    for (int i = 0, last = 0; i < most; ++i) {
      fault.at = 1 + i * (calls - 1) / (most - 1);
      if (std::exchange(last, fault.at) == fault.at) continue;
      fs::remove_all(run_);
      const auto [ran, failed] = support::run_with_fault(command(), FLUVOX_IO_SHIM, fault);
      SCOPED_TRACE(failed + " of " + std::to_string(calls) + "\n" + ran.err);
      EXPECT_NE(failed, "");
      expect(ran, model);
      expect_names_are_whole();
      expect_resumes_to(model);
      if (HasFailure()) return;
    }
  }

  void expect_failures_are_told(const IoFault& fault, int most, const std::string& reason) {
    sweep(fault, most, [&](const Ran& ran, const std::string& model) {
      EXPECT_FALSE(has_temporaries());
      if (ran.exit_code == 0) {
        EXPECT_TRUE(slurp(run_ / "model.safetensors") == model);
        return;
      }
      EXPECT_EQ(ran.exit_code, 5);
      std::istringstream lines(ran.err);
      int sentences = 0;
      for (std::string line; std::getline(lines, line);)
        if (line.starts_with("error: ")) {
          ++sentences;
          EXPECT_THAT(line, HasSubstr(folder_.path().string()));
          EXPECT_THAT(line, HasSubstr(reason));
        }
      EXPECT_EQ(sentences, 1);
    });
  }

  support::TempFolder folder_;
  const fs::path corpus_ = folder_ / "corpus", run_ = folder_ / "run";
};

// Most of the calls are writes of tensors, of which a few will do.
constexpr const char* kAllButContent =
    ",open,create,sync,truncate,close,rename,unlink,mkdir,chmod,";

TEST_F(TrainingFaults, ACallThatFailsOnce) {
  expect_failures_are_told({.code = EIO, .calls = kAllButContent}, 16, "Input/output error");
  expect_failures_are_told({.code = EIO, .calls = ",read,write,seek,stat,"}, 6,
                           "Input/output error");
}

TEST_F(TrainingFaults, AFullDisk) {
  expect_failures_are_told(
      {.code = ENOSPC, .stays = true, .calls = ",create,write,sync,truncate,mkdir,"}, 6,
      "No space left on device");
}

TEST_F(TrainingFaults, KilledAfterACallThatChangesAFile) {
  const auto killed = [](const Ran& ran, const std::string&) {
    EXPECT_EQ(ran.exit_code, -SIGKILL);
  };
  sweep({.code = 0, .calls = ",create,sync,truncate,rename,unlink,mkdir,chmod,"}, 16, killed);
  sweep({.code = 0, .calls = ",write,"}, 6, killed);
}

}  // namespace
}  // namespace fluvox::train
