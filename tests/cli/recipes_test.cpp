// recipes/run on a corpus of its own, for the steps that need no training side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audio/sound_file.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
using support::Ran;
using support::run_program;
using testing::HasSubstr;

class RecipesRun : public testing::Test {
 protected:
  RecipesRun() {
    fs::create_directories(folder_ / "data/many16/wavs");
    for (uint64_t seed = 1; seed < 11; ++seed)
      audio::write_sound(folder_ / ("data/many16/wavs/c" + std::to_string(seed) + ".wav"),
                         support::made_speech(16000, 0.7, seed), 16000);
  }
  Ran recipe(const std::string& name, const std::string& step) const {
    return run_program({FLUVOX_SOURCE_DIR "/recipes/run", name, "--program", FLUVOX_PROGRAM,
                        "--data", folder_ / "data", "--corpora", folder_ / "corpora", "--runs",
                        folder_ / "runs", step});
  }
  support::TempFolder folder_;
};

TEST_F(RecipesRun, PreparesAndEvaluates) {
  const Ran prepared = recipe("compact_many16", "prepare");
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
  EXPECT_THAT(prepared.err, HasSubstr("10 clips, 0.1 minutes; 8 held out"));
  EXPECT_TRUE(fs::exists(folder_ / "corpora/many16/manifest.jsonl"));
  EXPECT_EQ(recipe("compact_many16", "prepare").out, "");  // it is there

  fs::create_directories(folder_ / "runs/compact_many16");
  flow::Model made = support::small_compact();
  flow::write_model(folder_ / "runs/compact_many16/model.safetensors", made.spec, made.tensors);
  const Ran evaluated = recipe("compact_many16", "evaluate");
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_THAT(evaluated.out, HasSubstr("\nmean "));
  EXPECT_THAT(support::slurp(folder_ / "runs/compact_many16/evaluation/many16.txt"),
              HasSubstr("\nmean "));
}

TEST_F(RecipesRun, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(recipe("compact_nothing", "prepare").err, HasSubstr("expected a recipe"));
  EXPECT_NE(recipe("compact_many16", "bake").exit_code, 0);
  EXPECT_THAT(recipe("compact_many16", "evaluate").err, HasSubstr("expected a trained model"));
}

}  // namespace
}  // namespace fluvox::cli
