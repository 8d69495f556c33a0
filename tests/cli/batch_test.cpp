// fluvox render by the thousand: lists, folders, JSON lines, shards, resumed runs, failures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "mel/mel_file.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::Ran;
using support::run_program;
using support::RunWith;
using support::slurp;
using support::spill;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Batch : public testing::Test {
 protected:
  Batch() {
    const flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
    fs::create_directories(mels_ / "deep");
  }

  void mel(const fs::path& path, unsigned seed, int frames = 40) const {
    mel::Mel made{frames, 8, support::random_values(static_cast<size_t>(frames) * 8, 1, seed)};
    for (float& v : made.values) v -= 3;
    mel::write_mel(path, made, support::small_convention());
  }
  // clip100.npy and on
  std::vector<std::string> many(int count, int frames = 40) const {
    std::vector<std::string> paths;
    for (int i = 0; i < count; ++i) {
      paths.push_back(mels_ / ("clip" + std::to_string(100 + i) + ".npy"));
      mel(paths.back(), static_cast<unsigned>(i), frames);
    }
    return paths;
  }
  Ran render(std::vector<std::string> arguments, const RunWith& with = {}) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "render", "-m", model_});
    return run_program(arguments, with);
  }
  std::string at(const std::string& name) const { return folder_ / name; }
  // Path below the folder -> bytes, of all but records
  static std::map<std::string, std::string> contents(const fs::path& folder) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().parent_path().filename() != ".fluvox")
        found[entry.path().lexically_relative(folder)] = slurp(entry.path());
    return found;
  }
  static std::vector<std::string> names(const std::map<std::string, std::string>& contents) {
    std::vector<std::string> found;
    for (const auto& [name, bytes] : contents) found.push_back(name);
    return found;
  }
  static json summary(const Ran& ran) {
    std::istringstream lines(ran.err);
    json found;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("{\"event\":\"summary\"")) found = json::parse(line);
    return found;
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors";
  const fs::path mels_ = folder_ / "mels", out_ = folder_ / "out";
};

TEST_F(Batch, AFolderIsSearchedInOrderAndKeepsItsPlaces) {
  mel(mels_ / "b.npy", 1);
  mel(mels_ / "a.npy", 2);
  mel(mels_ / "deep" / "a.npy", 3);
  spill(mels_ / "notes.txt", "no sound");
  fs::create_directories(mels_ / ".hidden");
  mel(mels_ / ".hidden" / "c.npy", 4);
  mel(mels_ / ".d.npy", 4);
  const Ran ran = render({mels_, "-d", out_});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, (out_ / "a.wav").string() + "\n" + (out_ / "b.wav").string() + "\n" +
                         (out_ / "deep/a.wav").string() + "\n");
  const auto found = contents(out_);
  EXPECT_THAT(names(found), ElementsAre("a.wav", "b.wav", "deep/a.wav"));
  for (const auto& [name, bytes] : found) {
    const std::string alone = at("alone.wav");
    EXPECT_EQ(render({mels_ / fs::path(name).replace_extension(".npy"), "-o", alone}).exit_code, 0);
    EXPECT_EQ(slurp(alone), bytes) << name;
    EXPECT_EQ(audio::read_sound(alone).samples.size(), 40u * 16);
  }
  // Results inside the folder that is searched are no inputs of the next run.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(render({mels_, "-d", mels_ / "out"}).exit_code, 0);
  EXPECT_EQ(contents(mels_ / "out"), found);
  EXPECT_THAT(render({mels_, "-d", mels_}).err, HasSubstr("give another folder"));
  fs::create_directories(at("nothing"));
  const Ran empty = render({at("nothing"), "-d", out_});
  EXPECT_EQ(empty.exit_code, 3);
  EXPECT_THAT(empty.err, HasSubstr("found none"));
}

TEST_F(Batch, JsonLinesSayForEachWhatFlagsSayForAll) {
  mel(mels_ / "a.npy", 1);
  mel(mels_ / "b.npy", 2);
  const auto job = [&](json more, const char* input) {
    more["input"] = (mels_ / input).string();
    return more.dump() + "\n";
  };
  const std::string lines = job({}, "a.npy") + "\n" + job({{"seed", 3}}, "b.npy") +
                            job({{"output", "x/c.flac"}, {"sigma", 0.25}}, "a.npy") +
                            job({{"output", at("else/d.wav")}, {"seed", 3}}, "a.npy");
  spill(at("jobs.jsonl"), lines);
  Ran ran = render({"-f", at("jobs.jsonl"), "-d", out_, "--seed", "7"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const auto alone = [&](std::vector<std::string> arguments, const std::string& output) {
    arguments.insert(arguments.end(), {"-o", output});
    EXPECT_EQ(render(arguments).exit_code, 0);
    return slurp(output);
  };
  EXPECT_EQ(slurp(out_ / "a.wav"), alone({mels_ / "a.npy", "--seed", "7"}, at("1.wav")));
  EXPECT_EQ(slurp(out_ / "b.wav"), alone({mels_ / "b.npy", "--seed", "3"}, at("1.wav")));
  EXPECT_EQ(slurp(out_ / "x/c.flac"),
            alone({mels_ / "a.npy", "--seed", "7", "--sigma", "0.25"}, at("1.flac")));
  EXPECT_EQ(slurp(at("else/d.wav")), alone({mels_ / "a.npy", "--seed", "3"}, at("1.wav")));
  EXPECT_THAT(names(contents(out_)), ElementsAre("a.wav", "b.wav", "x/c.flac"));
  // The same by stdin, told by its first brace.
  const auto before = contents(out_);
  fs::remove_all(out_);
  EXPECT_EQ(render({"-f", "-", "-d", out_, "--seed", "7"}, {.in = lines}).exit_code, 0);
  EXPECT_EQ(contents(out_), before);
}

TEST_F(Batch, ABadLineIsNamedBeforeAnythingIsRendered) {
  mel(mels_ / "a.npy", 1);
  const std::string good = json{{"input", (mels_ / "a.npy").string()}}.dump() + "\n\n";
  for (const auto& [line, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"({"input": "b.npy", "sead": 1})", "unknown key 'sead' (did you mean 'seed'?)"},
           {R"({"output": "b.wav"})", "expected \"input\""},
           {R"({"input": 3})", "job.input: expected a string, found 3"},
           {R"({"input": "b.npy", "seed": -1})", "out of range"},
           {R"({"input": "b.npy", "sigma": 11})", "expected a value from 0 to 10"},
           {R"({"input": "b.npy", "sigma": 1e999})", "not JSON"},
           {R"({"input": "b.npy", "output": "b.png"})", "b.png"},
           {R"({"input": "b.npy", "input": "c.npy"})", "stands twice"},
           {R"({"input": "b.npy")", "not JSON"},
           {"b.npy", "not JSON"}}) {
    const Ran ran = render({"-f", "-", "-d", out_}, {.in = good + line + "\n"});
    EXPECT_THAT(ran.exit_code, testing::AnyOf(2, 3)) << line;
    EXPECT_THAT(ran.err, AllOf(HasSubstr("stdin, line 3: "), HasSubstr(expected)));
    EXPECT_FALSE(fs::exists(out_)) << line;
  }
  // What fails later names its line too.
  const Ran ran = render({"-f", "-", "-d", out_, "--json"},
                         {.in = good + R"({"input": "nowhere.npy"})" + "\n"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("stdin, line 3: "));
  EXPECT_THAT(ran.out, HasSubstr("stdin, line 3: "));
  EXPECT_THAT(names(contents(out_)), ElementsAre("a.wav"));
}

TEST_F(Batch, TwoJobsWithOneOutputAreRefusedBeforeAnythingIsRendered) {
  mel(mels_ / "a.npy", 1);
  mel(mels_ / "deep" / "a.npy", 2);
  fs::create_directories(out_);
  fs::create_directory_symlink(out_, at("link"));
  const std::string a = mels_ / "a.npy", b = mels_ / "deep" / "a.npy";
  const auto lines = [&](const std::string& first, const std::string& second) {
    return json{{"input", a}, {"output", first}}.dump() + "\n" +
           json{{"input", b}, {"output", second}}.dump() + "\n";
  };
  for (const Ran& ran :
       {render({a, b, "-d", out_}), render({a, "-f", "-", "-d", out_}, {.in = b}),
        render({"-f", "-", "-d", out_}, {.in = lines("x.wav", "./x.wav")}),
        render({"-f", "-"}, {.in = lines(out_ / "x.wav", at("link/x.wav"))}),
        render({"-f", "-"}, {.in = lines(out_ / "x.wav", out_ / "deep/../x.wav")})}) {
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("would both be written to"));
  }
  // Nor may an output be an input, its own or another's.
  EXPECT_THAT(render({"-f", "-"}, {.in = lines(at("x.wav"), a)}).err, HasSubstr("overwritten"));
  const Ran nowhere = render({"-f", "-"}, {.in = json{{"input", a}}.dump()});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("stdin, line 1: expected where to write"));
  EXPECT_TRUE(fs::is_empty(out_));
}

TEST_F(Batch, ShardsArePartsOfTheWholeByPlace) {
  many(7);
  ASSERT_EQ(render({mels_, "-d", out_}).exit_code, 0);
  const auto whole = contents(out_);
  ASSERT_EQ(whole.size(), 7u);
  for (const int count : {1, 2, 3, 9}) {
    std::map<std::string, std::string> joined;
    size_t parts = 0;
    for (int index = 1; index <= count; ++index) {
      const std::string to = at("part");
      const Ran ran =
          render({mels_, "-d", to, "--shard", std::to_string(index) + "/" + std::to_string(count)});
      ASSERT_EQ(ran.exit_code, 0) << ran.err;
      const auto part = contents(to);
      parts += part.size();
      joined.insert(part.begin(), part.end());
      if (count == 3 && index == 2) {
        EXPECT_THAT(names(part), ElementsAre("clip101.wav", "clip104.wav"));
      }
      fs::remove_all(to);
    }
    EXPECT_EQ(parts, 7u);
    EXPECT_EQ(joined, whole);
  }
  for (const char* bad : {"0/2", "3/2", "1", "1/", "/2", "1/0", "-1/2", "1/2x", "a/b", "1/2/3"}) {
    const Ran ran = render({mels_, "-d", out_, "--shard", bad});
    EXPECT_EQ(ran.exit_code, 2) << bad;
    EXPECT_THAT(ran.err, HasSubstr("expected I/N"));
  }
}

TEST_F(Batch, SeveralAtOnceGiveTheSameInTheSameOrder) {
  many(20);
  spill(mels_ / "clip103.npy", "damaged");
  const Ran one = render({mels_, "-d", at("one"), "--threads", "1", "--json"});
  const Ran three = render({mels_, "-d", at("three"), "--threads", "3", "--json"});
  EXPECT_EQ(one.exit_code, 1);
  EXPECT_EQ(three.exit_code, 1);
  EXPECT_EQ(contents(at("one")), contents(at("three")));
  std::istringstream a(one.out), b(three.out);
  for (int i = 0; i < 20; ++i) {
    std::string first, second;
    std::getline(a, first);
    std::getline(b, second);
    EXPECT_EQ(json::parse(first)["input"], json::parse(second)["input"]);
    EXPECT_EQ(json::parse(first)["input"],
              (mels_ / ("clip" + std::to_string(100 + i) + ".npy")).string());
  }
  for (const Ran& ran : {one, three}) {
    const json sum = summary(ran);
    EXPECT_EQ(sum["ok"], 19);
    EXPECT_EQ(sum["failed"], 1);
    EXPECT_EQ(sum["skipped"], 0);
    EXPECT_NEAR(sum["audio_seconds"].get<double>(), 19 * 40 * 16 / 22050.0, 1e-9);
    EXPECT_NEAR(sum["x_real_time"].get<double>() * sum["seconds"].get<double>(),
                sum["audio_seconds"].get<double>(), 1e-9);
  }
}

TEST_F(Batch, ResumeSkipsWhatIsThereAndIntactAndNothingElse) {
  many(6);
  const auto run = [&](std::vector<std::string> more = {}) {
    more.insert(more.begin(), {mels_, "-d", out_, "--resume", "--json"});
    const Ran ran = render(more);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    const json sum = summary(ran);
    return std::pair(sum["ok"].get<int>(), sum["skipped"].get<int>());
  };
  EXPECT_EQ(run(), std::pair(6, 0));
  const auto whole = contents(out_);
  EXPECT_EQ(run(), std::pair(0, 6));

  const fs::path one = out_ / "clip101.wav", record = out_ / ".fluvox" / "clip101.wav.json";
  const std::string bytes = slurp(one), kept = slurp(record);
  const auto redone = [&](const char* what) {
    EXPECT_EQ(run(), std::pair(1, 5)) << what;
    EXPECT_EQ(contents(out_), whole) << what;
  };
  fs::remove(one);
  redone("missing");
  spill(one, bytes.substr(0, bytes.size() / 2));
  redone("torn");
  std::string flipped = bytes;
  flipped[500] = static_cast<char>(flipped[500] ^ 1);
  spill(one, flipped);
  redone("one bit flipped");
  spill(one, slurp(out_ / "clip102.wav"));
  redone("another's sound");
  spill(one, "");
  redone("empty");
  fs::remove(record);
  redone("no record");
  for (const std::string& bad :
       {kept.substr(0, kept.size() / 2), std::string(), std::string("[]"), std::string("null"),
        std::string(R"({"fluvox_record": 2})"), std::string(5000, ' '),
        slurp(out_ / ".fluvox" / "clip102.wav.json")}) {
    spill(record, bad);
    redone("a record that says nothing");
  }
  // What the outcome depends on, each on its own.
  EXPECT_EQ(run({"--seed", "1"}), std::pair(6, 0));
  EXPECT_EQ(run({"--seed", "1", "--sigma", "0.5"}), std::pair(6, 0));
  EXPECT_EQ(run({"--encoding", "s24"}), std::pair(6, 0));
  EXPECT_EQ(run({"--normalize", "peak"}), std::pair(6, 0));
  EXPECT_EQ(run(), std::pair(6, 0));
  EXPECT_EQ(run({"--threads", "1", "--chunk", "3"}), std::pair(0, 6));
  EXPECT_EQ(run({"--sigma", "0.8"}), std::pair(0, 6));  // the model's own, in words
  EXPECT_EQ(contents(out_), whole);
  mel(mels_ / "clip103.npy", 77);
  EXPECT_EQ(run(), std::pair(1, 5));
  const flow::Model other = support::small_compact(2);
  flow::write_model(model_, other.spec, other.tensors);
  EXPECT_EQ(run(), std::pair(6, 0));

  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{mels_ / "clip100.npy", "-o", "-", "--resume"},
        {mels_ / "clip100.npy", "-o", "/dev/null", "--resume"},
        {"-", "-d", out_, "--resume"}}) {
    const Ran ran = render(bad);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("--resume goes from files to files"));
  }
}

TEST_F(Batch, KilledAtAnyMomentAndResumedTheSetIsWhole) {
  many(40, 800);
  ASSERT_EQ(render({mels_, "-d", at("whole")}).exit_code, 0);
  const auto whole = contents(at("whole"));
  const auto is_final = [](const fs::path& path) {
    return path.extension() == ".wav" && path.filename().string().front() != '.';
  };
  for (const size_t wanted : {1, 15}) {
    fs::remove_all(out_);
    fs::create_directories(out_);
    const auto finals = [&] {
      size_t count = 0;
      for (const auto& entry : fs::directory_iterator(out_)) count += is_final(entry.path());
      return count;
    };
    const Ran killed = render({mels_, "-d", out_, "--resume"}, {.while_running = [&](pid_t child) {
                                for (int i = 0; i < 20000 && finals() < wanted; ++i) ::usleep(500);
                                ::kill(child, SIGKILL);
                              }});
    ASSERT_EQ(killed.exit_code, -SIGKILL);
    ASSERT_LT(finals(), 40u);
    const Ran ran = render({mels_, "-d", out_, "--resume", "--json"});
    EXPECT_EQ(ran.exit_code, 0);
    const json sum = summary(ran);
    EXPECT_EQ(sum["ok"].get<int>() + sum["skipped"].get<int>(), 40);
    // All but those that were caught between the sound and its record.
    EXPECT_GE(sum["skipped"].get<size_t>() + 16, wanted);
    EXPECT_GT(sum["ok"].get<int>(), 0);
    auto found = contents(out_);
    // What SIGKILL leaves of the files at work has names of its own, hidden.
    std::erase_if(found, [](const auto& file) { return file.first.starts_with(".fluvox-"); });
    EXPECT_EQ(found, whole);
  }
}

TEST_F(Batch, RunsAtOnceInOneFolderDoNoHarm) {
  many(24);
  ASSERT_EQ(render({mels_, "-d", at("whole")}).exit_code, 0);
  // Two shards, and a third run that does the work of both.
  std::vector<std::thread> runs;
  std::vector<int> codes(3);
  for (size_t i = 0; i < 3; ++i)
    runs.emplace_back([&, i] {
      const char* shards[] = {"1/2", "2/2", "1/1"};
      codes[i] = render({mels_, "-d", out_, "--resume", "--shard", shards[i]}).exit_code;
    });
  for (std::thread& run : runs) run.join();
  EXPECT_THAT(codes, ElementsAre(0, 0, 0));
  EXPECT_EQ(contents(out_), contents(at("whole")));
  EXPECT_EQ(summary(render({mels_, "-d", out_, "--resume", "--json"}))["skipped"], 24);
}

TEST_F(Batch, AfterAFailureItGoesOnOrStops) {
  many(4);
  spill(mels_ / "clip101.npy", "damaged");
  const Ran goes_on = render({mels_, "-d", out_});
  EXPECT_EQ(goes_on.exit_code, 1);
  EXPECT_THAT(goes_on.err, HasSubstr("3 ok, 1 failed, 0 skipped"));
  EXPECT_THAT(names(contents(out_)), ElementsAre("clip100.wav", "clip102.wav", "clip103.wav"));
  fs::remove_all(out_);
  const Ran stops = render({mels_, "-d", out_, "--on-error", "stop"});
  EXPECT_EQ(stops.exit_code, 3);
  EXPECT_THAT(stops.err, AllOf(HasSubstr("1 ok, 1 failed, 0 skipped"), HasSubstr("clip101.npy")));
  EXPECT_THAT(names(contents(out_)), ElementsAre("clip100.wav"));
}

TEST_F(Batch, AnOutputThatCannotBeWrittenIsItsItemsFailure) {
  const auto mels = many(3);
  spill(at("file"), "no folder");
  const auto job = [&](size_t i, const std::string& output) {
    return json{{"input", mels[i]}, {"output", output}}.dump() + "\n";
  };
  const std::string lines = job(0, "a.wav") + job(1, at("file/b.wav")) + job(2, "c.wav");
  const Ran ran = render({"-f", "-", "-d", out_, "--json"}, {.in = lines});
  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_THAT(ran.err, HasSubstr("stdin, line 2: cannot make the folder"));
  EXPECT_EQ(summary(ran)["ok"], 2);
  EXPECT_EQ(summary(ran)["failed"], 1);
  EXPECT_THAT(names(contents(out_)), ElementsAre("a.wav", "c.wav"));
  fs::remove_all(out_);
  const Ran stops = render({"-f", "-", "-d", out_, "--on-error", "stop"}, {.in = lines});
  EXPECT_EQ(stops.exit_code, 5);
  EXPECT_THAT(names(contents(out_)), ElementsAre("a.wav"));
}

TEST_F(Batch, AFullDiskEndsTheRunAndAResumedOneDoesTheRest) {
  many(20, 400);  // 12.8 kB each
  fs::create_directories(out_);
  if (::mount("tmpfs", out_.c_str(), "tmpfs", 0, "size=128k") != 0)
    GTEST_SKIP() << "mounting a tmpfs needs root";
  const Ran full = render({mels_, "-d", out_, "--resume"});
  for (const auto& [name, bytes] : contents(out_)) {
    EXPECT_TRUE(fs::path(name).extension() == ".wav" && name.front() != '.') << name;
    EXPECT_EQ(audio::read_sound(out_ / name).samples.size(), 400u * 16) << name;
  }
  ::mount("tmpfs", out_.c_str(), "tmpfs", MS_REMOUNT, "size=4m");
  const Ran resumed = render({mels_, "-d", out_, "--resume", "--json"});
  const auto found = contents(out_);
  ::umount(out_.c_str());
  EXPECT_EQ(full.exit_code, 5) << full.err;
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_GT(summary(resumed)["skipped"].get<int>(), 0);
  ASSERT_EQ(render({mels_, "-d", at("whole")}).exit_code, 0);
  EXPECT_EQ(found, contents(at("whole")));
}

}  // namespace
}  // namespace fluvox::cli
