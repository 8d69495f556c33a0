#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <set>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "kernels/noise.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "support/gradients_torch.h"
#include "support/made_speech.h"
#include "support/short_run.h"
#include "support/temp_folder.h"
#include "support/throws.h"
#include "train/tensors_torch.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;
using support::slurp;

class Training : public testing::Test {
 protected:
  Training() {
    at::set_num_threads(1);
    support::write_clips(corpus(), 6, 1.2);
    settings_ = support::short_run(corpus());
    settings_.steps = 12;
    settings_.warmup = 2;
    settings_.measure_every = 6;
    settings_.save_every = 3;
  }

  fs::path corpus() const { return folder_.path() / "corpus"; }
  fs::path run(const std::string& name) const { return folder_.path() / name; }
  static TrainOptions quiet(bool resume = false) { return {resume, {}, ProgressMode::none}; }

  support::TempFolder folder_;
  TrainSettings settings_;
};

std::string newest_file(const fs::path& folder) {
  std::string newest;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().rfind("checkpoint-", 0) == 0)
      newest = std::max(newest, entry.path().string());
  return newest;
}

// compact, and models whose state is saved beside their weights: the running statistics of batch
// norms, and whether an ActNorm has seen its data; and compact under weight norm and in fp16.
class Resuming : public Training, public testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(Models, Resuming,
                         testing::Values("compact", "squeezewave", "flowavenet", "weight_norm",
                                         "fp16"),
                         [](const auto& one) { return one.param; });

TEST_P(Resuming, EqualsUninterruptedBitForBit) {
  settings_.weight_norm = GetParam() == "weight_norm";
  if (GetParam() == "fp16") settings_.precision = "fp16";
  if (GetParam() == "squeezewave" || GetParam() == "flowavenet") {
    settings_.model = GetParam();
    settings_.settings = models::architecture(GetParam()).tiny;
  }
  Trainer(settings_, run("whole"), quiet()).run();
  // The same run, its process gone after step 6 (the newest checkpoint then), resumed.
  settings_.keep = 10;
  Trainer(settings_, run("parts"), quiet()).run();
  for (const char* later : {"checkpoint-000000000009.safetensors",
                            "checkpoint-000000000012.safetensors", "model.safetensors"})
    ASSERT_TRUE(fs::remove(run("parts") / later));
  settings_.keep = 2;
  Trainer resumed(settings_, run("parts"), quiet(true));
  ASSERT_EQ(resumed.step(), 6);
  resumed.run();
  EXPECT_EQ(slurp(newest_file(run("whole"))), slurp(newest_file(run("parts"))));
  EXPECT_EQ(slurp(run("whole") / "model.safetensors"), slurp(run("parts") / "model.safetensors"));
}

TEST_F(Training, HeldOutFigureIsWhatTheRuntimeScores) {
  Trainer trainer(settings_, run("a"), quiet());
  trainer.run();
  const double reported = trainer.measure().nats_per_sample;
  const runtime::Session session(flow::read_model(run("a") / "model.safetensors"));
  const Corpus read = read_corpus(settings_, 22050, 1, ProgressMode::none);
  ASSERT_EQ(read.held_out.size(), 2u);
  double nats = 0, samples = 0;
  for (const Clip& clip : read.held_out) {
    std::vector<float> audio;
    for (int16_t x : clip.samples) audio.push_back(static_cast<float>(x) / 32768.0f);
    const runtime::Score score = session.score(audio);
    nats += score.nats;
    samples += static_cast<double>(score.samples);
  }
  EXPECT_NEAR(reported, nats / samples, 1e-4);
}

// White noise of deviation s has the density -ln s - 1/2 ln(2 pi e) nats per sample, and its mel, a
// function of it, can only add to what is known. WaveGlow starts at s = 1 and must find the level
// by itself.
TEST_F(Training, FindsTheDensityOfWhiteNoise) {
  constexpr double kDeviation = 0.05;
  for (uint64_t clip = 0; clip < 6; ++clip) {
    std::vector<float> noise;
    for (uint64_t t = 0; t < 26000; ++t)
      noise.push_back(static_cast<float>(kDeviation * kernels::normal(1, clip, 0, t)));
    audio::write_sound(corpus() / text("clip", clip, ".wav"), noise, 22050);
  }
  settings_.model = "waveglow";
  settings_.settings = {{"channels", 8}, {"layers", 2}, {"flows", 4}, {"early_every", 2}};
  settings_.mel = {{"fft", 64}, {"window", 64}, {"hop", 16}, {"bands", 6}};
  settings_.frames = 128;
  settings_.steps = 300;
  settings_.measure_every = settings_.save_every = 1000;
  settings_.augment = 0;
  settings_.ema = 0.5;
  Trainer trainer(settings_, run("a"), quiet());
  EXPECT_LT(trainer.measure().nats_per_sample, -0.8);
  trainer.run();
  const double truth =
      -std::log(kDeviation) - 0.5 * std::log(2 * std::numbers::pi * std::numbers::e);  // 1.577
  EXPECT_GT(trainer.measure().nats_per_sample, truth - 0.02);
  // Six bands every 16 samples tell no more than 6/16 ln(range / resolution) nats; found: a tenth
  // of that.
  EXPECT_LT(trainer.measure().nats_per_sample, truth + 0.3);
}

// Beside the likelihood: what the model makes comes nearer to the mel it is made for than without,
// and the nats that are reported stay those of the likelihood.
TEST_F(Training, AMelWeightBringsTheSamplesNearerToTheirMel) {
  settings_.augment = 0;
  settings_.frames = 16;
  settings_.measure_every = settings_.save_every = 1000;
  const auto line_of = [&](const std::string& name, double weight, int steps) {
    settings_.mel_weight = weight;
    settings_.steps = steps;
    Trainer(settings_, run(name), quiet()).run();
    std::ifstream log(run(name) / "log.jsonl");
    std::string line;
    std::getline(log, line);
    return Json::parse(line);
  };
  const auto figure = [](const Json& line, const char* name) {
    return line.at(name).get<double>();
  };
  // A weight too small to matter tells how far apart they are without it.
  const Json without = line_of("without", 1e-9, 60), with = line_of("with", 1, 60);
  EXPECT_LT(figure(with, "mel_apart"), 0.97 * figure(without, "mel_apart"));
  // Of the first step, before any weight has changed.
  const Json none = line_of("none", 0, 1), much = line_of("much", 5, 1);
  EXPECT_NEAR(figure(much, "train"), figure(none, "train"), 1e-6);
  EXPECT_GT(figure(much, "mel_apart"), 0);
}

TEST_F(Training, AMelWeightNeedsAModelThatSamplesAtOnceAndSegmentsAsLongAsAWindow) {
  settings_.mel_weight = 1;
  settings_.frames = 4;
  settings_.mel = {{"hop", 128}};
  EXPECT_EQ(support::thrown_by([&] { Trainer(settings_, run("short"), quiet()); }).code(),
            "mel-weight-frames");
  settings_.mel = Json::object();
  settings_.model = "maf";
  settings_.settings = models::architecture("maf").tiny;
  EXPECT_EQ(support::thrown_by([&] { Trainer(settings_, run("serial"), quiet()); }).code(),
            "mel-weight-model");
}

TEST_F(Training, ADamagedCheckpointIsPassedOver) {
  Trainer(settings_, run("a"), quiet()).run();
  const std::string newest = newest_file(run("a"));
  std::string bytes = slurp(newest);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(newest, std::ios::binary) << bytes;
  EXPECT_EQ(Trainer(settings_, run("a"), quiet(true)).step(), 9);
  fs::resize_file(newest, bytes.size() / 3);
  EXPECT_EQ(Trainer(settings_, run("a"), quiet(true)).step(), 9);
}

TEST_F(Training, OnlyTheLastCheckpointsAreKept) {
  Trainer(settings_, run("a"), quiet()).run();
  std::set<int64_t> kept;
  for (const auto& entry : fs::directory_iterator(run("a")))
    if (entry.path().filename().string().rfind("checkpoint-", 0) == 0)
      kept.insert(read_checkpoint(entry.path()).step);
  EXPECT_EQ(kept, (std::set<int64_t>{9, 12, newest_checkpoint(run("a")).best_step}));
}

TEST_F(Training, ARunIsNotOverwritten) {
  Trainer(settings_, run("a"), quiet()).run();
  EXPECT_THROW(Trainer(settings_, run("a"), quiet()), Error);
}

TEST_F(Training, AnotherModelsCheckpointIsRefused) {
  Trainer(settings_, run("a"), quiet()).run();
  settings_.settings["channels"] = 16;
  EXPECT_THROW(Trainer(settings_, run("a"), quiet(true)), Error);
}

TEST_F(Training, InitGoesOnFromAModelFile) {
  Trainer first(settings_, run("a"), quiet());
  first.run();
  TrainOptions options = quiet();
  options.init = run("a") / "model.safetensors";
  Trainer second(settings_, run("b"), options);
  EXPECT_EQ(second.step(), 0);
  EXPECT_DOUBLE_EQ(second.measure().nats_per_sample, first.measure().nats_per_sample);
}

std::vector<Json> lines_of(const fs::path& log) {
  std::ifstream in(log);
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

TEST_F(Training, TheBestCheckpointIsKeptBesideTheLast) {
  settings_.learning_rate = 0.3;  // too fast: it gets better and worse
  settings_.schedule = "constant";
  settings_.steps = 8;
  settings_.measure_every = 1;
  settings_.save_every = 2;
  settings_.keep = 1;
  Trainer(settings_, run("a"), quiet()).run();
  int64_t best = 0;
  double nats = -1e30;
  for (const Json& line : lines_of(run("a") / "log.jsonl"))
    if (line.at("held_out").get<double>() > nats) {
      nats = line.at("held_out");
      best = line.at("step");
    }
  ASSERT_LT(best, 8) << "nothing to show: the last is the best";
  char name[64];
  std::snprintf(name, sizeof name, "checkpoint-%012d.safetensors", static_cast<int>(best));
  EXPECT_TRUE(fs::exists(run("a") / name));
  EXPECT_TRUE(fs::exists(run("a") / "checkpoint-000000000008.safetensors"));
  // two checkpoints, two models, the log, events, the report
  EXPECT_EQ(std::distance(fs::directory_iterator(run("a")), {}), 7);
  TrainOptions options = quiet();
  options.init = run("a") / "best.safetensors";
  EXPECT_DOUBLE_EQ(Trainer(settings_, run("b"), options).measure().nats_per_sample, nats);
  EXPECT_EQ(newest_checkpoint(run("a")).best_step, best);
}

TEST_F(Training, AccumulatedGradientsAreThoseOfTheWholeBatch) {
  settings_.batch = 4;
  const auto gradients = [this](const std::string& name) {
    Trainer trainer(settings_, run(name), quiet());
    trainer.flow().randomise_last_layers(0.2, 7);
    return trainer.gradients_at(3);
  };
  const auto whole = gradients("a");
  settings_.batch = 1;
  settings_.accumulate = 4;
  const auto parts = gradients("b");
  EXPECT_LT(support::relative_distance(parts, whole), 1e-6);
}

// The scale of fp16's loss is not in them; and the weights are those of fp32.
TEST_F(Training, HalfPrecisionHasTheGradientsOfFp32) {
  std::map<std::string, std::map<std::string, torch::Tensor>> found;
  for (const char* precision : {"fp32", "bf16", "fp16"}) {
    settings_.precision = precision;
    TrainOptions options = quiet();
    options.rehearsal = true;
    Trainer trainer(settings_, run("a"), options);
    trainer.flow().randomise_last_layers(0.3, 1);
    found[precision] = trainer.gradients_at(0);
  }
  const auto apart = [&](const char* precision) {
    double difference = 0, whole = 0;
    for (const auto& [name, gradient] : found.at("fp32")) {
      EXPECT_EQ(found.at(precision).at(name).scalar_type(), at::kFloat) << name;
      difference += (found.at(precision).at(name) - gradient).square().sum().item<double>();
      whole += gradient.square().sum().item<double>();
    }
    return std::sqrt(difference / whole);
  };
  EXPECT_LT(apart("bf16"), 2e-2);
  EXPECT_LT(apart("fp16"), 3e-3);
  EXPECT_GT(apart("fp16"), 1e-6);
}

// Gradients of 1e3 times the loss are beyond what fp16 holds: the scale halves until they are not.
TEST_F(Training, Fp16FindsTheScaleThatItsGradientsNeed) {
  settings_.precision = "fp16";
  settings_.frames = 16;
  settings_.mel_weight = 1e3;
  settings_.steps = 20;
  settings_.measure_every = settings_.save_every = 20;
  Trainer trainer(settings_, run("a"), quiet());
  trainer.run();
  const Checkpoint last = newest_checkpoint(run("a"));
  EXPECT_LT(last.loss_scale, 65536);
  const double halvings = std::log2(65536 / last.loss_scale);
  EXPECT_EQ(halvings, std::round(halvings));
  EXPECT_LT(halvings, 16);
  EXPECT_EQ(static_cast<double>(last.updates), 20 - halvings);
  EXPECT_EQ(last.rate_factor, 1);
  for (const auto& [name, weight] : trainer.flow().weights())
    EXPECT_TRUE(weight.isfinite().all().item<bool>()) << name;
}

TEST_F(Training, WeightDecayTakesItsShareOffMatricesAlone) {
  settings_.steps = 1;
  settings_.warmup = 0;
  settings_.learning_rate = 0.01;
  Trainer plain(settings_, run("a"), quiet());
  const auto before = plain.flow().weights();
  std::map<std::string, torch::Tensor> start;
  for (const auto& [name, weight] : before) start[name] = weight.detach().clone();
  plain.run();
  settings_.weight_decay = 3;
  Trainer decayed(settings_, run("b"), quiet());
  decayed.run();
  for (const auto& [name, weight] : plain.flow().weights()) {
    const torch::Tensor lost = weight.detach() - decayed.flow().weights().at(name).detach();
    const double share = name.ends_with("weight") ? 0.01 * 3 : 0;
    EXPECT_LT((lost - share * start.at(name)).abs().max().item<double>(), 1e-6) << name;
  }
}

// A step that is as good as none leaves lengths and directions where they were; a real one moves
// both. The model file knows nothing of them.
TEST_F(Training, UnderWeightNormTheModelHasPlainWeights) {
  settings_.weight_norm = true;
  settings_.steps = 2;
  const auto trained = [this](const std::string& name, double rate) {
    settings_.learning_rate = rate;
    Trainer(settings_, run(name), quiet()).run();
    return flow::read_model(run(name) / "model.safetensors").tensors;
  };
  const Tensors still = trained("a", 1e-9), moved = trained("b", 1e-2);
  settings_.weight_norm = false;
  const Tensors plain = trained("c", 1e-9);
  EXPECT_EQ(newest_checkpoint(run("c")).tensors.count("weights/steps.3.net.first.weight"), 1u);
  const Tensors learned = newest_checkpoint(run("b")).tensors;
  EXPECT_EQ(learned.count("weights/steps.3.net.first.weight/length"), 1u);
  ASSERT_EQ(still.size(), plain.size());
  for (const auto& [name, tensor] : plain) {
    const torch::Tensor one = to_torch(still.at(name)), other = to_torch(tensor);
    EXPECT_LT((one - other).abs().max().item<double>(), 1e-6) << name;
  }
  const torch::Tensor before = to_torch(plain.at("steps.3.net.first.weight")).flatten(1);
  const torch::Tensor after = to_torch(moved.at("steps.3.net.first.weight")).flatten(1);
  EXPECT_GT((after.norm(2, 1) - before.norm(2, 1)).abs().min().item<double>(), 1e-4);
  EXPECT_LT(torch::cosine_similarity(before, after).max().item<double>(), 1 - 1e-5);
}

TEST_F(Training, TheRoundTripOfHeldOutAudioIsNoted) {
  Trainer(settings_, run("a"), quiet()).run();
  for (const Json& line : lines_of(run("a") / "log.jsonl")) {
    EXPECT_GT(line.at("round_trip").get<double>(), 0);
    EXPECT_LT(line.at("round_trip").get<double>(), 1e-4);
    EXPECT_EQ(line.at("skipped"), 0);
  }
}

TEST_F(Training, ARehearsalWritesNothing) {
  TrainOptions options = quiet();
  options.rehearsal = true;
  const Rehearsal found = Trainer(settings_, run("a"), options).rehearse();
  EXPECT_FALSE(fs::exists(run("a")));
  EXPECT_GT(found.weights, 1000);
  EXPECT_NEAR(found.clip_seconds, 4 * 1.2, 1e-3);
  EXPECT_NEAR(found.held_out_seconds, 2 * 1.2, 1e-3);
  EXPECT_GT(found.bytes, 1 << 20);
  EXPECT_GT(found.seconds_a_step, 0);
  EXPECT_NEAR(found.seconds, found.seconds_a_step * 12, 1e-9);
  EXPECT_TRUE(std::isfinite(found.loss));
}

TEST_F(Training, ADivergedRunGoesBackAtHalfTheRate) {
  Trainer(settings_, run("a"), quiet()).run();
  settings_.steps = 70;
  settings_.save_every = 1000;
  Trainer trainer(settings_, run("a"), quiet(true));
  ASSERT_EQ(trainer.step(), 12);
  {
    const torch::NoGradGuard no_grad;
    trainer.flow().weights().begin()->second.fill_(std::nanf(""));
  }
  trainer.run();
  EXPECT_EQ(trainer.step(), 70);
  EXPECT_TRUE(std::isfinite(trainer.measure().nats_per_sample));
  EXPECT_EQ(newest_checkpoint(run("a")).rate_factor, 0.5);
  int diverged = 0;
  for (const Json& line : lines_of(run("a") / "log.jsonl"))
    diverged += line.value("event", "") == "diverged" && line.at("step") == 12;
  EXPECT_EQ(diverged, 1);
}

TEST_F(Training, WithoutAGoodStateToGoBackToItEnds) {
  settings_.steps = 70;
  Trainer trainer(settings_, run("a"), quiet());
  {
    const torch::NoGradGuard no_grad;
    trainer.flow().weights().begin()->second.fill_(std::nanf(""));
  }
  EXPECT_EQ(support::thrown_by([&] { trainer.run(); }).code(), "training-diverged");
}

TEST_F(Training, ReversibleRunsArriveWherePlainOnesDo) {
  Trainer plain(settings_, run("a"), quiet());
  plain.run();
  settings_.reversible = true;
  Trainer mine(settings_, run("b"), quiet());
  mine.run();
  EXPECT_NEAR(mine.measure().nats_per_sample, plain.measure().nats_per_sample, 1e-3);
}

TEST_F(Training, TheReportHoldsCurvesAndCopies) {
  Trainer(settings_, run("a"), quiet()).run();
  const fs::path report = run("a") / "report";
  EXPECT_EQ(slurp(report / "curves.png").substr(1, 3), "PNG");
  std::vector<fs::path> copies;
  for (const auto& entry : fs::directory_iterator(report))
    if (entry.path().filename().string().find("-copy.wav") != std::string::npos)
      copies.push_back(entry.path());
  ASSERT_EQ(copies.size(), 1u);  // of the one corpus
  std::string name = copies[0].filename();
  name.resize(name.size() - 9);
  const auto original = audio::read_sound(report / (name + ".wav"));
  EXPECT_EQ(audio::read_sound(copies[0]).samples.size(), original.samples.size());
  const auto clip = audio::read_sound(corpus() / (name + ".wav")).samples;
  for (size_t i = 0; i < original.samples.size(); i += 100) ASSERT_EQ(original.samples[i], clip[i]);
  EXPECT_TRUE(fs::exists(report / (name + ".png")));
}

TEST_F(Training, AFlatPriorIsMaximumLikelihood) {
  Trainer(settings_, run("a"), quiet()).run();
  TrainOptions from = quiet();
  from.init = run("a") / "model.safetensors";
  Trainer plain(settings_, run("b"), from);
  plain.run();
  settings_.prior = run("a") / "model.safetensors";
  Trainer flat(settings_, run("c"), quiet());
  flat.run();
  for (const auto& [name, weight] : plain.flow().weights())
    EXPECT_TRUE(torch::equal(weight, flat.flow().weights().at(name))) << name;
}

TEST_F(Training, ANarrowPriorHoldsTheWeights) {
  Trainer(settings_, run("a"), quiet()).run();
  settings_.prior = run("a") / "model.safetensors";
  settings_.steps = 60;
  settings_.clip = 0;
  const auto moved = [&](double deviation, const std::string& name) {
    settings_.prior_deviation = deviation;
    Trainer trainer(settings_, run(name), quiet());
    std::map<std::string, torch::Tensor> start;
    for (const auto& [key, weight] : trainer.flow().weights()) start[key] = weight.detach().clone();
    trainer.run();
    double square = 0;
    for (const auto& [key, weight] : trainer.flow().weights())
      square += (weight.detach() - start.at(key)).square().sum().item<double>();
    return std::sqrt(square);
  };
  const double flat = moved(0, "b"), wide = moved(1e3, "c"), narrow = moved(1e-5, "d");
  EXPECT_NEAR(wide, flat, 0.05 * flat);
  EXPECT_LT(narrow, 0.2 * flat);
}

TEST_F(Training, APriorOfAnotherModelIsRefused) {
  Trainer(settings_, run("a"), quiet()).run();
  settings_.prior = run("a") / "model.safetensors";
  settings_.prior_deviation = 0.1;
  settings_.settings["channels"] = 16;
  EXPECT_EQ(support::thrown_by([&] { Trainer(settings_, run("b"), quiet()); }).code(),
            "prior-differs");
}

TEST_F(Training, BadFilesAreRejectedWithTheReason) {
  std::ofstream(corpus() / "empty.wav");
  std::ofstream(corpus() / "text.flac") << "this is not sound";
  audio::write_sound(corpus() / "silent.wav", std::vector<float>(22050, 0.0f), 22050);
  audio::write_sound(corpus() / "short.wav", support::made_speech(22050, 0.05, 1), 22050);
  const Corpus read = read_corpus(settings_, 22050, 2304, ProgressMode::none);
  EXPECT_EQ(read.rejected.size(), 4u);
  EXPECT_EQ(read.clips.size() + read.held_out.size(), 6u);
  for (const std::string& reason : read.rejected)
    EXPECT_NE(reason.find(corpus().string()), std::string::npos);
}

TEST_F(Training, WhatIsHeldOutDependsOnNameAndSeedAlone) {
  const auto held = [&] {
    std::vector<std::string> list;
    for (const Clip& clip : read_corpus(settings_, 22050, 1, ProgressMode::none).held_out)
      list.push_back(clip.name);
    return list;
  };
  const auto before = held();
  EXPECT_EQ(before, held());
  audio::write_sound(corpus() / "silent2.wav", std::vector<float>(22050, 0.0f), 22050);
  fs::remove(corpus() / "silent2.wav");
  EXPECT_EQ(before, held());
  settings_.corpora[0]["held_out"] = 1;
  EXPECT_EQ(held().size(), 1u);
}

TEST_F(Training, AMissingFolderAndAnEmptyOneAreErrors) {
  settings_.corpora = {Json{{"path", (folder_.path() / "nowhere").string()}}};
  EXPECT_THROW(read_corpus(settings_, 22050, 1, ProgressMode::none), Error);
  fs::create_directories(folder_.path() / "nothing");
  settings_.corpora = {Json{{"path", (folder_.path() / "nothing").string()}}};
  EXPECT_THROW(read_corpus(settings_, 22050, 1, ProgressMode::none), Error);
}

}  // namespace
}  // namespace fluvox::train
