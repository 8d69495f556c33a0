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

TEST_F(Processor, WithoutAGpuAutoIsTheCpu) {
  if (gpu_is_there()) GTEST_SKIP() << "there is a GPU";
  EXPECT_EQ(render(folder_ / "cpu.wav", {}).exit_code, 0);
  EXPECT_EQ(render(folder_ / "auto.wav", {"--device", "auto"}).exit_code, 0);
  EXPECT_EQ(slurp(folder_ / "auto.wav"), slurp(folder_ / "cpu.wav"));
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
