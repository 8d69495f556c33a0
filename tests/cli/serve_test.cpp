// fluvox serve: what a client gets, and what it cannot do to the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audio/sound_file.h"
#include "core/base64.h"
#include "flow/model_file.h"
#include "mel/mel_file.h"
#include "models/registry.h"
#include "runtime/request.h"
#include "runtime/session.h"
#include "support/conversation.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

using nlohmann::json;
using support::Conversation;
using support::Ran;
using support::run_program;
using support::RunWith;
using support::slurp;
using testing::HasSubstr;

class Serve : public testing::Test {
 protected:
  Serve() {
    const flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
    const runtime::Session session(made);
    mel_ = session.analyse(support::made_speech(22050, 0.4, 3));
    mel::write_mel(npy_, mel_, session.convention());
  }

  std::string at(const std::string& name) const { return folder_ / name; }
  std::vector<std::string> command() const { return {FLUVOX_PROGRAM, "serve", "-m", model_}; }
  // The answers to lines that are all there from the start.
  std::vector<json> answers(const std::string& lines, int exit_code = 0) const {
    const Ran ran = run_program(command(), {.in = lines});
    EXPECT_EQ(ran.exit_code, exit_code) << ran.err;
    std::vector<json> found;
    std::istringstream out(ran.out);
    for (std::string line; std::getline(out, line);) found.push_back(json::parse(line));
    EXPECT_EQ(found.empty() ? "" : found[0]["event"], "ready");
    return found;
  }
  // What `fluvox render` writes for the same, without a header.
  std::string rendered(std::vector<std::string> flags, const std::string& input) const {
    flags.insert(flags.begin(),
                 {FLUVOX_PROGRAM, "render", "-m", model_, input, "-o", "-", "--output-raw", "-q"});
    const Ran ran = run_program(flags);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out;
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors", npy_ = folder_ / "speech.npy";
  mel::Mel mel_;
};

// The bytes of every request's sound, put together; each piece must follow the one before.
std::map<std::string, std::string> sounds(const std::vector<json>& answers) {
  std::map<std::string, std::string> found;
  std::map<std::string, size_t> samples;
  for (const json& answer : answers) {
    if (answer["event"] != "audio") continue;
    const std::string id = answer["id"];
    EXPECT_EQ(answer["offset"].get<size_t>(), samples[id]);
    samples[id] += answer["samples"].get<size_t>();
    const auto bytes = from_base64(answer["data"].get<std::string>(), "data");
    found[id].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return found;
}

std::vector<json> of_kind(const std::vector<json>& answers, const std::string& event) {
  std::vector<json> found;
  for (const json& answer : answers)
    if (answer["event"] == event) found.push_back(answer);
  return found;
}

TEST_F(Serve, EveryWayOfAskingGivesTheBitsOfRender) {
  json frames = json::array();
  for (int t = 0; t < mel_.frames; ++t)
    frames.push_back(std::vector<double>(mel_.frame(t).begin(), mel_.frame(t).end()));
  const std::string coded = to_base64(std::as_bytes(std::span(mel_.values)));
  const std::vector<json> requests = {
      {{"id", "file"}, {"input", npy_}, {"seed", 5}},
      {{"id", "small"}, {"input", npy_}, {"seed", 5}, {"chunk", 1}},
      {{"id", "uneven"}, {"input", npy_}, {"seed", 5}, {"chunk", 37}},
      {{"id", "rows"}, {"mel", frames}, {"name", "speech"}, {"seed", 5}},
      {{"id", "speech"}, {"mel_base64", coded}, {"seed", 5}},
      {{"id", "float"}, {"input", npy_}, {"seed", 5}, {"encoding", "f32"}},
      {{"id", "cool"}, {"input", npy_}, {"sigma", 0.25}},
      {{"id", "other"}, {"mel", frames}, {"seed", 5}},
  };
  std::string lines;
  for (const json& request : requests) lines += request.dump() + "\n";
  const auto found = answers(lines);
  auto sound = sounds(found);
  const std::string expected = rendered({"--seed", "5"}, npy_);
  ASSERT_EQ(expected.size(), static_cast<size_t>(mel_.frames) * 16 * 2);
  for (const char* id : {"file", "small", "uneven", "rows", "speech"})
    EXPECT_EQ(sound[id], expected) << id;
  EXPECT_EQ(sound["float"], rendered({"--seed", "5", "--encoding", "f32"}, npy_));
  EXPECT_EQ(sound["cool"], rendered({"--sigma", "0.25"}, npy_));
  EXPECT_NE(sound["other"], expected);  // another name, another noise
  EXPECT_EQ(sound["other"].size(), expected.size());
  const auto starts = of_kind(found, "start"), ends = of_kind(found, "done");
  ASSERT_EQ(starts.size(), requests.size());
  ASSERT_EQ(ends.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(starts[i]["id"], requests[i]["id"]);
    EXPECT_EQ(starts[i]["samples"], mel_.frames * 16);
    EXPECT_EQ(ends[i]["id"], requests[i]["id"]);
    EXPECT_EQ(ends[i]["samples"], mel_.frames * 16);
    EXPECT_EQ(ends[i]["clipped"], 0);
  }
}

TEST_F(Serve, ARecordingIsTakenByWayOfItsMel) {
  const std::string wav = at("speech.wav");
  audio::write_sound(wav, support::made_speech(22050, 0.4, 3), 22050);
  auto sound = sounds(answers(json{{"id", "a"}, {"input", wav}}.dump() + "\n"));
  EXPECT_EQ(sound["a"], rendered({}, wav));
}

TEST_F(Serve, AModelThatNeedsTheWholeAnswersInPiecesToo) {
  const models::Architecture& waveflow = models::architecture("waveflow");
  const flow::Model made =
      runtime::made_up_model(waveflow.build(waveflow.tiny, support::small_convention()));
  flow::write_model(model_, made.spec, made.tensors);
  const auto found = answers(json{{"id", "a"}, {"input", npy_}, {"chunk", 3}}.dump() + "\n");
  EXPECT_EQ(found[0]["streams"], false);
  EXPECT_GT(of_kind(found, "audio").size(), 10u);
  EXPECT_EQ(sounds(found)["a"], rendered({}, npy_));
}

TEST_F(Serve, AHostileLineIsAnsweredAndTheServerGoesOn) {
  const std::vector<float> nans(8, std::numeric_limits<float>::quiet_NaN());
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"id": "a", "inp)", "json-invalid"},
      {R"({"id": "a", "input": "x", "sigma": 1e999})", "json-invalid"},
      {std::string(100000, '['), "json-invalid"},
      {std::string(runtime::kMostRequestBytes + 5, ' '), "request-too-long"},
      {std::string(runtime::kMostRequestBytes * 3, '{'), "request-too-long"},
      {"\xff\xfe", "json-invalid"},
      {std::string("{\"id\": \"a\0\"}", 12), "json-invalid"},
      {R"({"id": "a", "input": "x", "sead": 1})", "request-invalid"},
      {R"({"id": "1", "input": "nowhere.npy"})", "file-missing"},
      {R"({"id": "2", "input": "-"})", "input-no-file"},
      {R"({"id": "3", "input": "/dev/zero"})", "input-no-file"},
      {R"({"id": "4", "input": "/"})", "input-no-file"},
      {R"({"id": "5", "mel": [[1, 2, 3]]})", "shape-mismatch"},
      {R"({"id": "6", "mel_base64": "AAAAAA=="})", "shape-mismatch"},
      {json{{"id", "7"}, {"mel_base64", to_base64(std::as_bytes(std::span(nans)))}}.dump(),
       "not-finite"},
      {R"({"id": "a", "mel_base64": "!"})", "base64-invalid"},
      {R"({"cancel": "nobody"})", "id-unknown"},
      {R"({"quit": "now"})", "request-invalid"},
  };
  std::string lines;
  for (const auto& [line, code] : bad) lines += line + "\n";
  const auto good = json{{"id", "good"}, {"input", npy_}, {"seed", 5}}.dump();
  const auto found = answers(lines + "\r\n\n" + good + "\n" + R"({"id": "cut)");
  std::vector<std::string> codes, expected;
  for (const json& error : of_kind(found, "error")) codes.push_back(error["code"]);
  for (const auto& [line, code] : bad) expected.push_back(code);
  expected.push_back("json-invalid");
  EXPECT_THAT(codes, testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(sounds(found)["good"], rendered({"--seed", "5"}, npy_));
  EXPECT_EQ(of_kind(found, "done").size(), 1u);
}

TEST_F(Serve, QuitDrainsAndWhatFollowsItIsNotDone) {
  const auto request = [&](const std::string& id) {
    return json{{"id", id}, {"input", npy_}}.dump() + "\n";
  };
  const auto found = answers(request("a") + request("b") + "{\"quit\": true}\n" + request("c"));
  std::vector<std::string> done;
  for (const json& end : of_kind(found, "done")) done.push_back(end["id"]);
  EXPECT_EQ(done, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(of_kind(found, "error").empty());
}

// An utterance of so many answers that the pipe is full long before its end: the client sets the
// pace.
class ServeLong : public Serve {
 protected:
  ServeLong() {
    const int times = 400;
    std::vector<float> values;
    for (int i = 0; i < times; ++i)
      values.insert(values.end(), mel_.values.begin(), mel_.values.end());
    samples_ = int64_t{mel_.frames} * times * 16;
    const runtime::Session session(flow::read_model(model_));
    mel::write_mel(long_, {mel_.frames * times, 8, std::move(values)}, session.convention());
  }
  std::string request(const std::string& id, const std::string& input) const {
    return json{{"id", id}, {"input", input}}.dump();
  }

  const std::string long_ = folder_ / "long.npy";
  int64_t samples_ = 0;
};

TEST_F(ServeLong, CancelEndsWhatIsAtWorkAndWhatWaits) {
  Conversation server(command());
  EXPECT_EQ(json::parse(server.hear())["event"], "ready");
  server.say(request("a", long_));
  server.say(request("b", long_));
  EXPECT_EQ(json::parse(server.hear())["event"], "start");
  EXPECT_EQ(json::parse(server.hear())["event"], "audio");
  server.say(R"({"id": "a", "input": "x"})");
  server.say(R"({"cancel": "b"})");
  server.say(R"({"cancel": "a"})");
  std::vector<json> found;
  const auto hear_until = [&](const std::string& event, const std::string& id) {
    while (found.empty() || found.back()["event"] != event || found.back()["id"] != id) {
      const std::string line = server.hear();
      if (line.empty()) return false;
      found.push_back(json::parse(line));
    }
    return true;
  };
  ASSERT_TRUE(hear_until("cancelled", "a"));
  server.say(request("a", npy_));  // the id is free again
  ASSERT_TRUE(hear_until("done", "a"));
  EXPECT_EQ(of_kind(found, "error").at(0)["code"], "id-taken");
  const auto cancelled = of_kind(found, "cancelled");
  ASSERT_EQ(cancelled.size(), 2u);
  EXPECT_EQ(cancelled[0]["id"], "b");
  EXPECT_EQ(cancelled[0]["samples"], 0);
  EXPECT_EQ(cancelled[1]["id"], "a");
  EXPECT_GT(cancelled[1]["samples"].get<int64_t>(), 0);
  EXPECT_LT(cancelled[1]["samples"].get<int64_t>(), samples_ / 2);
  server.hang_up();
  EXPECT_EQ(server.hear(), "");
  EXPECT_EQ(server.end(), 0);
}

TEST_F(ServeLong, ASignalEndsItWhateverItDoes) {
  for (const int signal : {SIGINT, SIGTERM})
    for (const bool busy : {false, true}) {
      Conversation server(command());
      EXPECT_EQ(json::parse(server.hear())["event"], "ready");
      if (busy) {
        server.say(request("a", long_));
        server.hear();
        server.hear();
      }
      ::kill(server.child(), signal);
      while (server.hear() != "") {
      }
      EXPECT_EQ(server.end(), 128 + signal) << busy;
    }
}

TEST_F(ServeLong, AClosedStdoutEndsItQuietly) {
  Conversation server(command());
  server.say(request("a", long_));
  EXPECT_EQ(json::parse(server.hear())["event"], "ready");
  server.stop_listening();
  EXPECT_EQ(server.end(), 141);  // though its stdin is still open
}

TEST_F(Serve, AFullStdoutIsExitFive) {
  EXPECT_EQ(run_program(command(), {.out = "/dev/full"}).exit_code, 5);
}

}  // namespace
}  // namespace fluvox::cli
