// The Python module gives what the program gives. Its cases are in python_test.py.
#include "support/python.h"

#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox {
namespace {

using support::Ran;
using support::run_program;

TEST(Python, GivesWhatTheProgramGives) {
  if (!std::string(FLUVOX_SANITIZE).empty())
    GTEST_SKIP() << "a Python without sanitizers cannot load a library with them";
  const std::string python = support::python_with("numpy");
  if (python.empty()) GTEST_SKIP() << "no Python with NumPy here (FLUVOX_PYTHON can name one)";

  const support::TempFolder folder;
  const std::string model = folder / "model.safetensors", wav = folder / "speech.wav";
  const flow::Model made = support::small_compact();
  flow::write_model(model, made.spec, made.tensors);
  audio::write_sound(wav, support::made_speech(22050, 0.4, 3), 22050);
  const auto fluvox = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), FLUVOX_PROGRAM);
    const Ran ran = run_program(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.out;
  };
  fluvox({"mel", wav, "-o", folder / "speech.npy", "--set", "fft=64", "--set", "window=64", "--set",
          "hop=16", "--set", "bands=8", "--set", "name=small"});
  fluvox({"render", folder / "speech.npy", "-m", model, "-o", folder / "rendered.f32", "--seed",
          "3", "--encoding", "f32", "--output-raw"});
  support::spill(folder / "score.json", fluvox({"score", wav, "-m", model, "--json"}));

  const std::string script = std::string(FLUVOX_SOURCE_DIR) + "/tests/api/python_test.py";
  const Ran ran = run_program({"/usr/bin/env", python, "-B", script}, {.in_child = [&] {
                                ::setenv("FLUVOX_LIBRARY", FLUVOX_SHARED, 1);
                                ::setenv("PYTHONPATH", FLUVOX_SOURCE_DIR "/src/python", 1);
                                ::setenv("FOLDER", folder.path().c_str(), 1);
                              }});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
}

}  // namespace
}  // namespace fluvox
