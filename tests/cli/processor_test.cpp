// --device: which processor renders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

using support::Ran;
using support::run_program;
using support::slurp;
using testing::HasSubstr;

class Processor : public testing::Test {
 protected:
  Processor() {
    const flow::Model made = support::small_compact();
    flow::write_model(model_, made.spec, made.tensors);
    audio::write_sound(wav_, support::made_speech(22050, 0.2, 3), 22050);
  }

  Ran render(const std::string& output, std::vector<std::string> more) const {
    std::vector<std::string> command = {FLUVOX_PROGRAM, "render", wav_, "-m", model_, "-o", output};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  }
  static bool gpu_is_there() {
    return run_program({FLUVOX_PROGRAM, "devices", "--json"}).out.find("\"cuda:0\"") !=
           std::string::npos;
  }

  support::TempFolder folder_;
  const std::string model_ = folder_ / "model.safetensors", wav_ = folder_ / "speech.wav";
};

TEST_F(Processor, WithoutAGpuCudaSaysWhatIsMissing) {
  if (gpu_is_there()) GTEST_SKIP() << "there is a GPU";
  const Ran ran = render(folder_ / "a.wav", {"--device", "cuda", "--json"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, HasSubstr("\"gpu-missing\""));
  EXPECT_THAT(ran.err, HasSubstr("--device cpu"));
}

TEST_F(Processor, WithoutAGpuEveryCommandThatRendersSaysTheSame) {
  if (gpu_is_there()) GTEST_SKIP() << "there is a GPU";
  const std::string expected = render(folder_ / "a.wav", {"--device", "cuda:1"}).err;
  EXPECT_THAT(expected, HasSubstr("--device cuda:1: no GPU"));
  for (std::vector<std::string> command : std::vector<std::vector<std::string>>{
           {"play", wav_, "--device", "0"}, {"evaluate", wav_}, {"bench"}, {"serve"}}) {
    const std::string name = command[0];
    command.insert(command.begin(), FLUVOX_PROGRAM);
    command.insert(command.end(), {"-m", model_, "--device", "cuda:1"});
    const Ran ran = run_program(command);
    EXPECT_EQ(ran.exit_code, 4) << name;
    EXPECT_EQ(ran.err, expected) << name;
  }
}

TEST_F(Processor, WithoutAGpuAutoIsTheCpu) {
  if (gpu_is_there()) GTEST_SKIP() << "there is a GPU";
  EXPECT_EQ(render(folder_ / "cpu.wav", {}).exit_code, 0);
  EXPECT_EQ(render(folder_ / "auto.wav", {"--device", "auto"}).exit_code, 0);
  EXPECT_EQ(slurp(folder_ / "auto.wav"), slurp(folder_ / "cpu.wav"));
}

TEST_F(Processor, WithoutAGpuAServerOnAutoAnswersAsOnTheCpu) {
  if (gpu_is_there()) GTEST_SKIP() << "there is a GPU";
  const auto served = [&](const std::string& device) {
    const Ran ran = run_program({FLUVOX_PROGRAM, "serve", "-q", "-m", model_, "--device", device},
                                {.in = R"({"id": "a", "input": ")" + wav_ + "\"}\n"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out.substr(0, ran.out.rfind("{\"event\":\"done\""));  // which has the time in it
  };
  const std::string on_cpu = served("cpu");
  EXPECT_THAT(on_cpu, HasSubstr(R"("event":"audio")"));
  EXPECT_EQ(served("auto"), on_cpu);
}

TEST_F(Processor, PlayTakesOneDeviceOfEachKind) {
  for (const std::vector<std::string>& two :
       {std::vector<std::string>{"0", "1"}, {"cpu", "auto"}, {"cpu", "cpu"}}) {
    const Ran ran = run_program(
        {FLUVOX_PROGRAM, "play", wav_, "-m", model_, "--device", two[0], "--device", two[1]});
    EXPECT_EQ(ran.exit_code, 2) << two[0];
    EXPECT_THAT(ran.err, HasSubstr("one that plays and one that renders")) << two[0];
  }
}

TEST_F(Processor, NoSuchDeviceIsRefused) {
  for (const char* device : {"gpu", "cuda:", "cuda:-1", "cuda:x", "cuda0"}) {
    const Ran ran = render(folder_ / "a.wav", {"--device", device});
    EXPECT_EQ(ran.exit_code, 2) << device;
    EXPECT_THAT(ran.err, HasSubstr("cpu, cuda, cuda:N or auto")) << device;
  }
}

TEST_F(Processor, HalfPrecisionIsOfGpus) {
  const Ran ran = render(folder_ / "a.wav", {"--precision", "fp16"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("fp16"));
}

}  // namespace
}  // namespace fluvox::cli
