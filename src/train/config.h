// The settings of a training run, read from TOML (recipes/*/config.toml) and `--set name=value`.
// The resolved settings are stored with the run and in the model's provenance.
#pragma once

#include <string>
#include <vector>

#include "core/config.h"

namespace fluvox::train {

struct CorpusSettings {
  std::string path;
  double weight = 1;
  int held_out = 4;
  std::string by = "clip";
};

template <class Visitor>
void fields(Visitor& v, CorpusSettings& c) {
  v("path", c.path, "a manifest.jsonl of `fluvox prepare`, or a folder searched for sound files");
  v("weight", c.weight, "how often to draw from it, beside its minutes", Range{0.001, 1000});
  v("held_out", c.held_out, "clips (or speakers) kept for measuring, where no manifest says which",
    Range{0, 100000});
  v("by", c.by, "what is held out: clips, or speakers (a name's part before '__')",
    OneOf{"clip", "speaker"});
}

struct TrainSettings {
  std::string model = "compact";
  Json settings = Json::object();
  std::string convention = "tacotron2";
  Json mel = Json::object();
  std::vector<Json> corpora;
  std::string mel_dir;
  std::vector<double> speeds = {1.0};
  double augment = 0.8;
  int frames = 32;
  int batch = 4;
  int accumulate = 1;
  int64_t steps = 10000;
  double learning_rate = 4e-3;
  std::string schedule = "cosine";
  int warmup = 100;
  double final_rate = 0.05;
  double weight_decay = 0;
  bool weight_norm = false;
  double clip = 1.0;
  double ema = 0.997;
  std::string precision = "fp32";
  bool reversible = false;
  std::string prior;
  double prior_deviation = 0;
  double stft_weight = 1;
  double mel_weight = 0;
  double peer_timeout = 300;
  uint64_t seed = 1;
  int64_t measure_every = 500;
  int64_t save_every = 500;
  int keep = 2;
};

template <class Visitor>
void fields(Visitor& v, TrainSettings& t) {
  v("model", t.model, "architecture, a name of models/");
  v("settings", t.settings, "the architecture's own settings");
  v("convention", t.convention, "mel convention");
  v("mel", t.mel, "parameters that differ from that convention");
  v("corpora", t.corpora, "tables of path, weight, held_out, by");
  v("mel_dir", t.mel_dir,
    "folder of mels of an acoustic model, NAME.npy for NAME.wav, to train on in place of the "
    "audio's own");
  v("speeds", t.speeds,
    "every clip also at these speeds (1 or faster: slower leaves the top octave empty)");
  v("augment", t.augment, "share of the segments with random level, equaliser and noise floor",
    Range{0, 1});
  v("frames", t.frames, "mel frames in a segment", Range{4, 8192});
  v("batch", t.batch, "segments worked on at once", Range{1, 4096});
  v("accumulate", t.accumulate, "batches in a step, one after the other", Range{1, 4096});
  v("steps", t.steps, "steps in all", Range{1, 1e12});
  v("learning_rate", t.learning_rate, "Adam's rate after the warm-up", Range{1e-9, 1});
  v("warmup", t.warmup, "steps of linear warm-up", Range{0, 1e9});
  v("schedule", t.schedule, "how the rate falls after the warm-up",
    OneOf{"cosine", "exponential", "constant"});
  v("final_rate", t.final_rate, "share of the rate that the schedule ends at", Range{0, 1});
  v("weight_decay", t.weight_decay,
    "AdamW's: a step takes rate * this share off the matrices of nets and conditioner",
    Range{0, 100});
  v("weight_norm", t.weight_norm,
    "matrices of nets are learned as lengths and directions; the model has plain ones all the "
    "same");
  v("clip", t.clip, "largest norm of the gradient; 0: no clipping", Range{0, 1e9});
  v("ema", t.ema, "decay of the averaged weights, which are the model that is saved",
    Range{0, 0.999999});
  v("precision", t.precision, "what the nets multiply in; log-dets and affine stay fp32",
    OneOf{"fp32", "bf16", "fp16"});
  v("reversible", t.reversible,
    "recompute activations in the backward pass: memory of one flow instead of all, 4/3 the time");
  v("prior", t.prior, "model file that weights start from, and are held to by a Gaussian prior");
  v("prior_deviation", t.prior_deviation,
    "the prior's standard deviation of a weight; 0: flat, which is maximum likelihood",
    Range{0, 1e9});
  v("stft_weight", t.stft_weight, "of distill: weight of the loss on spectra", Range{0, 1e6});
  v("mel_weight", t.mel_weight,
    "weight of | mel of a sample - mel it was made for | beside the likelihood, in nepers",
    Range{0, 1e6});
  v("peer_timeout", t.peer_timeout,
    "seconds that a process waits for the others, where several train", Range{1, 1e6});
  v("seed", t.seed, "of everything random");
  v("measure_every", t.measure_every, "steps between held-out measurements", Range{1, 1e12});
  v("save_every", t.save_every, "steps between checkpoints", Range{1, 1e12});
  v("keep", t.keep, "checkpoints kept, beside the best one", Range{1, 1000});
}

}  // namespace fluvox::train
