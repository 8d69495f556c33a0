// Every recipe, shrunk: what its config.toml says holds together, and a few steps of it on made-up
// speech, at a size that trains in a moment, give a model that the runtime loads and scores with.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <sstream>

#include "core/toml.h"
#include "corpus/lines.h"
#include "corpus/prepare.h"
#include "flow/model_file.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "support/short_run.h"
#include "support/temp_folder.h"
#include "train/trainer.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> recipes() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(FLUVOX_SOURCE_DIR "/recipes"))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// The names of recipes/corpora.
std::set<std::string> known_corpora() {
  std::set<std::string> names;
  for (const std::string& line : corpus::lines_of(FLUVOX_SOURCE_DIR "/recipes/corpora"))
    if (line[0] != '#') names.insert(corpus::split_words(line).front());
  return names;
}

class Recipe : public testing::TestWithParam<std::string> {
 protected:
  fs::path place() const { return fs::path(FLUVOX_SOURCE_DIR "/recipes") / GetParam(); }
  static mel::Convention convention_of(const TrainSettings& t) {
    Json json = to_json(mel::convention(t.convention));
    json.update(t.mel);
    return mel::convention_from_json(json, "mel");
  }
  TrainSettings settings() const {
    return from_json<TrainSettings>(read_toml(place() / "config.toml"), "");
  }
};

INSTANTIATE_TEST_SUITE_P(All, Recipe, testing::ValuesIn(recipes()),
                         [](const auto& one) { return one.param; });

TEST_P(Recipe, HoldsTogether) {
  const TrainSettings t = settings();
  const auto spec = models::architecture(t.model).build(t.settings, convention_of(t));
  EXPECT_FALSE(spec.steps.empty());
  EXPECT_EQ(GetParam().rfind(t.model + "_", 0), 0u) << "a recipe is called <model>_<corpus>";
  ASSERT_FALSE(t.corpora.empty());
  for (const Json& one : t.corpora) {
    const fs::path path = from_json<CorpusSettings>(one, "corpora").path;
    EXPECT_EQ(path.filename(), "manifest.jsonl");
    EXPECT_EQ(path.parent_path().parent_path(), "corpora") << path;
    EXPECT_EQ(known_corpora().count(path.parent_path().filename()), 1u) << path;
  }
  EXPECT_TRUE(fs::exists(place() / "README.md"));
}

TEST_P(Recipe, TrainsShrunk) {
  at::set_num_threads(1);
  const support::TempFolder folder;
  TrainSettings t = settings();
  const int rate = convention_of(t).sample_rate;
  support::write_clips(folder / "wavs", 3, 0.6, rate);
  const corpus::Prepared prepared =
      corpus::prepare(corpus::list_corpus(folder / "wavs"), {.held_out = 1}, folder / "prepared", 1,
                      ProgressMode::none);
  t.settings = models::architecture(t.model).tiny;
  t.corpora = {Json{{"path", prepared.manifest.string()}}};
  t.frames = std::min(t.frames, 8);
  t.batch = 2;
  t.steps = t.measure_every = t.save_every = 3;
  t.warmup = std::min(t.warmup, 1);
  Trainer trainer(t, folder / "run", {false, {}, ProgressMode::none});
  trainer.run();
  EXPECT_EQ(trainer.step(), 3);
  const double nats = trainer.measure().nats_per_sample;
  EXPECT_TRUE(std::isfinite(nats));
  const flow::Model model = flow::read_model(folder / "run/model.safetensors");
  const runtime::Session session(model);
  for (const corpus::Entry& entry : prepared.entries) {
    if (entry.split != "held-out") continue;
    const auto held_out = corpus::Reader().read_at(entry, rate);
    EXPECT_NEAR(session.score(held_out).nats_per_sample(), nats, 1e-4);
  }
}

}  // namespace
}  // namespace fluvox::train
