// Every command that writes, with its first, second, ... call about its files failing until none
// fails any more: once, and from there on. Whatever fails, a name has its older bytes or the whole
// new ones, nothing else is left behind, and one sentence says what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "import/made_checkpoint.h"
#include "mel/mel.h"
#include "mel/mel_file.h"
#include "support/io_faults.h"
#include "support/made_models.h"
#include "support/made_speech.h"

namespace fluvox {
namespace {

namespace fs = std::filesystem;
namespace made = imports::made;
using support::contents;
using support::IoFault;
using support::run_with_fault;
using support::spill;
using testing::HasSubstr;

using Contents = std::map<std::string, std::string>;
using Words = std::vector<std::string>;

// One way in which the calls of a run fail.
struct Way {
  std::string name;
  int code;
  bool stays;
  bool older;  // files stand where the results go
  bool json;
  std::string calls = IoFault{}.calls;
};

const Way kOnce{.name = "once", .code = EIO, .stays = false, .older = true, .json = false};
const Way kForGood{.name = "for good", .code = EIO, .stays = true, .older = false, .json = true};
const Way kFull{.name = "a full disk",
                .code = ENOSPC,
                .stays = true,
                .older = true,
                .json = false,
                .calls = ",create,write,sync,truncate,mkdir,"};
const Way kSignal{.name = "a signal",
                  .code = EINTR,
                  .stays = false,
                  .older = true,
                  .json = false,
                  .calls = ",open,read,write,"};

// Each of its tensors is a call that can fail; three steps are enough to render.
flow::Model least_model() {
  flow::Model model = support::small_compact();
  model.spec.steps.resize(3);
  std::erase_if(model.tensors, [](const auto& tensor) {
    return tensor.first.starts_with("steps.") && !tensor.first.starts_with("steps.2.");
  });
  return model;
}

class IoFaults : public testing::Test {
 protected:
  IoFaults() {
    for (const fs::path& folder : {in_, out_}) fs::create_directories(folder);
    const flow::Model model = least_model();
    flow::write_model(at("model.safetensors"), model.spec, model.tensors);
    for (const char* name : {"a", "b"}) {
      const auto sound = support::made_speech(22050, 0.1, static_cast<unsigned>(name[0]));
      audio::write_sound(at(std::string(name) + ".wav"), sound, 22050);
      mel::write_mel(at(std::string(name) + ".npy"),
                     mel::analyse(sound, support::small_convention()), support::small_convention());
    }
  }

  std::string at(const std::string& name) const { return in_ / name; }

  // What `command` makes when nothing fails.
  Contents complete(const Words& command) {
    reset({});
    const support::Ran ran = support::run_program(command);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    Contents made = contents(out_);
    EXPECT_FALSE(made.empty());
    return made;
  }

  void reset(const Contents& content) const {
    fs::remove_all(out_);
    fs::create_directories(out_);
    for (const auto& [name, bytes] : content) {
      fs::create_directories((out_ / name).parent_path());
      spill(out_ / name, bytes);
    }
  }

  // `journal`: a name whose lines are added one by one, whole or ignored.
  void sweep(Words command, const std::vector<Way>& ways, const std::string& journal = "") {
    command.insert(command.begin(), FLUVOX_PROGRAM);
    command.push_back("-q");
    if (command[1] != "plot") command.insert(command.end(), {"--threads", "1"});
    Contents done = complete(command);
    done.erase(journal);
    for (const Way& way : ways) {
      Contents older;
      for (const auto& [name, bytes] : done)
        if (way.older) older[name] = "older " + name;
      Words asked = command;
      const bool json = way.json && command[1] != "plot";
      if (json) asked.push_back("--json");
      for (int at = 1;; ++at) {
        ASSERT_LT(at, 2000);
        reset(older);
        const auto [ran, failed] = run_with_fault(
            asked, FLUVOX_IO_SHIM,
            {.under = root(), .at = at, .code = way.code, .stays = way.stays, .calls = way.calls});
        SCOPED_TRACE(command[1] + ", " + way.name + ": " + failed + "\n" + ran.err);
        Contents left = contents(out_);
        left.erase(journal);
        if (ran.exit_code == 0) {
          EXPECT_EQ(left.size(), done.size());
          for (const auto& [name, bytes] : done)
            EXPECT_TRUE(left.contains(name) && is_whole(name, left.at(name), bytes)) << name;
          EXPECT_EQ(ran.err, "");
        } else {
          EXPECT_NE(way.code, EINTR);
          EXPECT_EQ(ran.exit_code, 5);
          expect_sentences(ran.err, json, way.code);
          for (const auto& [name, bytes] : left) {
            ASSERT_TRUE(done.contains(name)) << "left behind: " << name;
            EXPECT_TRUE((way.older && bytes == older.at(name)) ||
                        is_whole(name, bytes, done.at(name)))
                << "torn: " << name;
          }
          for (const auto& [name, bytes] : older)
            EXPECT_TRUE(left.contains(name) || may_be_lost(name, failed)) << "lost: " << name;
        }
        expect_named_are_whole(ran.out, done);
        if (failed.empty()) {
          EXPECT_EQ(ran.exit_code, 0);
          break;
        }
        if (HasFailure()) return;
      }
    }
  }

  // Byte for byte, but for Ogg, whose streams have a number drawn anew for each file.
  bool is_whole(const std::string& name, const std::string& bytes, const std::string& done) const {
    if (bytes == done) return true;
    const std::string ending = fs::path(name).extension();
    if ((ending != ".ogg" && ending != ".opus") || bytes.size() != done.size()) return false;
    const std::string one = folder_ / ("one" + ending), other = folder_ / ("other" + ending);
    spill(one, bytes);
    spill(other, done);
    return audio::read_sound(one).samples == audio::read_sound(other).samples;
  }

  // A mel's sidecar goes just before its array is replaced, for there is no moment at which both
  // could be: after that only a renaming can fail, or the flushing of the folder.
  static bool may_be_lost(const std::string& name, const std::string& failed) {
    return name.ends_with(".npy.json") &&
           (failed.starts_with("rename") || failed.starts_with("sync"));
  }

  // One sentence a failure: each names a file, and none says anything twice.
  void expect_sentences(const std::string& err, bool json, int code) const {
    std::istringstream lines(err);
    size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      std::string sentence = line;
      if (json && line.starts_with("{")) {
        const auto event = nlohmann::json::parse(line);
        const std::string name = event["error"]["code"];
        EXPECT_THAT(name, testing::AnyOf("read-failed", "write-failed", "disk-full",
                                         "folder-failed", "folder-unreadable"));
        sentence = "error: " + event["error"]["message"].get<std::string>();
      }
      EXPECT_TRUE(sentence.starts_with("error: ")) << line;
      EXPECT_THAT(sentence, HasSubstr(root()));
      EXPECT_THAT(sentence, HasSubstr(code == ENOSPC ? "No space left on device" : ""));
    }
    EXPECT_GE(count, 1u);
    EXPECT_LE(count, several_ ? 2u : 1u);
  }

  // What stdout says is done is done.
  void expect_named_are_whole(const std::string& out, const Contents& done) const {
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(out_.string())) continue;
      const std::string name = fs::path(line).lexically_relative(out_);
      ASSERT_TRUE(done.contains(name)) << name;
      EXPECT_TRUE(is_whole(name, support::slurp(line), done.at(name))) << name;
    }
  }

  std::string root() const { return folder_.path(); }

  support::TempFolder folder_;
  const fs::path in_ = folder_ / "in", out_ = folder_ / "out";
  bool several_ = false;  // inputs, each with a failure of its own
};

TEST_F(IoFaults, Render) {
  const std::string model = at("model.safetensors");
  sweep({"render", "-m", model, at("a.npy"), "-o", out_ / "a.wav"},
        {kOnce, kForGood, kFull, kSignal});
  for (const char* name : {"a.flac", "a.ogg", "a.opus"})
    sweep({"render", "-m", model, at("a.npy"), "-o", out_ / name}, {kFull});
  sweep({"render", "-m", model, at("a.wav"), "-o", out_ / "a.raw", "--output-raw"}, {kOnce});
}

TEST_F(IoFaults, RenderOfSeveralAndOfAFolder) {
  several_ = true;
  const std::string model = at("model.safetensors");
  sweep({"render", "-m", model, at("a.npy"), at("b.npy"), "-d", out_ / "deep"}, {kOnce, kForGood});
  fs::create_directories(folder_ / "mels");
  for (const char* name : {"a.npy", "b.npy"}) fs::copy(at(name), folder_ / "mels" / name);
  sweep({"render", "-m", model, folder_ / "mels", "-d", out_}, {kFull});
}

TEST_F(IoFaults, Mel) {
  const Words command = {"mel", at("a.wav"), "-o", out_ / "a.npy"};
  sweep(command, {kOnce, kForGood, kFull, kSignal});
}

TEST_F(IoFaults, EncodeAndDecode) {
  const std::string model = at("model.safetensors");
  sweep({"encode", "-m", model, at("a.wav"), "-o", out_ / "a.safetensors"}, {kOnce, kForGood});
  sweep({"encode", "-m", model, at("a.wav"), "-o", out_ / "a.npy"}, {kFull});
  ASSERT_EQ(support::run_program({FLUVOX_PROGRAM, "encode", "-q", "-m", model, at("a.wav"), "-o",
                                  at("z.safetensors")})
                .exit_code,
            0);
  sweep({"decode", "-m", model, at("z.safetensors"), "-o", out_ / "a.wav"},
        {kOnce, kForGood, kSignal});
}

TEST_F(IoFaults, Convert) {
  spill(at("config.json"), R"({"data_config": {"filter_length": 64, "hop_length": 16,
      "win_length": 64}, "waveglow_config": {"n_mel_channels": 8, "n_flows": 2}})");
  const made::Form form;
  spill(at("old.pt"), made::file_of(made::made_waveglow(form, 1, {.flows = 2, .layers = 1}), form));
  sweep({"convert", at("old.pt"), "-o", out_ / "new.safetensors", "--config", at("config.json")},
        {kOnce, kForGood, kFull});
}

TEST_F(IoFaults, Plot) {
  sweep({"plot", at("a.npy"), "-o", out_ / "a.png"}, {kOnce, kForGood, kFull});
}

TEST_F(IoFaults, Prepare) {
  fs::create_directories(folder_ / "corpus");
  for (const char* name : {"a.wav", "b.wav"})
    audio::write_sound(folder_ / "corpus" / name, support::made_speech(22050, 0.6, name[0]), 22050);
  const Words command = {"prepare", folder_ / "corpus", "-d", out_, "--held-out", "1"};
  sweep(command, {kOnce, kForGood}, ".prepared.jsonl");
  Words changing = command;
  changing.insert(changing.end(), {"--rate", "16000"});
  sweep(changing, {kFull}, ".prepared.jsonl");
}

TEST_F(IoFaults, Evaluate) {
  audio::write_sound(at("long.wav"), support::made_speech(22050, 0.3, 3), 22050);
  sweep({"evaluate", "-m", at("model.safetensors"), at("long.wav"), "-d", out_}, {kOnce, kForGood});
}

}  // namespace
}  // namespace fluvox
