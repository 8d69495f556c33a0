// fluvox evaluate: recordings through mel and model, and how far what comes back is from them.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>

#include "audio/loudness.h"
#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/output.h"
#include "corpus/manifest.h"
#include "report/metrics.h"
#include "report/periodicity.h"
#include "report/plot.h"
#include "report/png.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int kUsualGroup = 8;      // WaveGlow's, where the model squeezes nothing
constexpr double kMostApart = 0.1;  // seconds that a copy may be longer or shorter

struct EvaluateFlags : Flags {
  std::string copies;
  int group = 0;
};

struct Figure {
  const char *key, *title;
  const char* format;
  double value = kNone;
};

// What is measured of a clip, in the order of the table. What could not be measured is NaN: null in
// JSON, left out of the mean.
struct Figures {
  Figure nats{"nats_per_sample", "nats", "%.3f"};
  Figure log_mel{"log_mel_l1", "mel L1", "%.3f"};
  Figure mcd{"mcd", "MCD dB", "%.2f"};
  Figure stft{"stft_distance", "STFT", "%.3f"};
  Figure cents{"f0_cents", "F0 cents", "%.1f"};
  Figure voicing{"voicing_error", "voicing", "%.3f"};
  Figure pitch{"periodicity", "period.", "%.3f"};
  Figure pitch_of_recording{"periodicity_of_recording", "(rec.)", "%.3f"};
  Figure envelope{"envelope_periodicity", "1-4 kHz", "%.3f"};
  Figure envelope_of_recording{"envelope_periodicity_of_recording", "(rec.)", "%.3f"};
  Figure tone{"tone", "tone dB", "%.1f"};
  Figure tone_of_recording{"tone_of_recording", "(rec.)", "%.1f"};
  Figure loudness{"loudness_difference", "LU", "%+.2f"};
  Figure peak{"peak", "peak", "%.2f"};
  Figure speed{"x_real_time", "x real", "%.1f"};

  std::vector<Figure*> all() {
    return {&nats,     &log_mel,
            &mcd,      &stft,
            &cents,    &voicing,
            &pitch,    &pitch_of_recording,
            &envelope, &envelope_of_recording,
            &tone,     &tone_of_recording,
            &loudness, &peak,
            &speed};
  }
};

std::string row(const std::string& name, Figures figures) {
  std::string line = name;
  line.resize(std::max<size_t>(line.size(), 24), ' ');
  for (const Figure* figure : figures.all()) {
    char cell[32], padded[40];
    std::snprintf(cell, sizeof cell, figure->format, figure->value);
    std::snprintf(padded, sizeof padded, " %8s", std::isfinite(figure->value) ? cell : "-");
    line += padded;
  }
  return line;
}

std::string heading() {
  std::string line(24, ' ');
  Figures figures;
  for (const Figure* figure : figures.all()) {
    char padded[40];
    std::snprintf(padded, sizeof padded, " %8s", figure->title);
    line += padded;
  }
  return line;
}

Json json_of(Figures figures) {
  Json json = Json::object();
  for (const Figure* figure : figures.all())
    json[figure->key] = std::isfinite(figure->value) ? Json(figure->value) : Json();
  return json;
}

// The means of what could be measured; of the peaks the greatest.
class Means {
 public:
  void add(Figures figures) {
    ++clips_;
    const auto given = figures.all();
    for (size_t i = 0; i < given.size(); ++i) {
      if (!std::isfinite(given[i]->value)) continue;
      sums_[i] += given[i]->value;
      ++counts_[i];
    }
    peak_ = std::max(peak_, figures.peak.value);
  }
  size_t clips() const { return clips_; }
  Figures figures() const {
    Figures means;
    const auto all = means.all();
    for (size_t i = 0; i < all.size(); ++i)
      if (counts_[i] > 0) all[i]->value = sums_[i] / static_cast<double>(counts_[i]);
    means.peak.value = peak_;
    return means;
  }

 private:
  size_t clips_ = 0;
  std::vector<double> sums_ = std::vector<double>(Figures{}.all().size());
  std::vector<size_t> counts_ = std::vector<size_t>(sums_.size());
  double peak_ = 0;
};

Figures measure(std::span<const float> recording, std::span<const float> copy, int rate,
                int group) {
  Figures f;
  const mel::Analyser analyser(report::compared_mel(rate));
  const mel::Mel a = analyser.analyse(recording), b = analyser.analyse(copy);
  f.log_mel.value = report::log_mel_distance(a, b);
  f.mcd.value = report::mel_cepstral_distortion(a, b);
  f.stft.value = report::stft_distance(recording, copy);
  const report::PitchTrack track = report::track_pitch(recording, rate);
  const auto error = report::pitch_error(track, report::track_pitch(copy, rate));
  f.cents.value = error.cents;
  f.voicing.value = error.voicing;
  if (rate >= 8000) {
    const auto of_recording = report::periodicity(recording, rate, track),
               of_copy = report::periodicity(copy, rate, track);
    f.pitch.value = of_copy.pitch;
    f.pitch_of_recording.value = of_recording.pitch;
    f.envelope.value = of_copy.envelope;
    f.envelope_of_recording.value = of_recording.envelope;
  }
  f.tone.value = report::tone_excess(copy, rate, group);
  f.tone_of_recording.value = report::tone_excess(recording, rate, group);
  f.loudness.value =
      audio::integrated_loudness(copy, rate) - audio::integrated_loudness(recording, rate);
  float peak = 0;
  for (const float x : copy) peak = std::max(peak, std::fabs(x));
  f.peak.value = peak;
  return f;
}

// How much the first step that squeezes puts side by side.
int group_of(const flow::Spec& spec) {
  for (const Json& step : spec.steps)
    if (step.value("kind", "") == "squeeze" && step.value("group", 0) >= 4) return step["group"];
  return kUsualGroup;
}

// A recording named by itself, or a clip of a manifest: what it holds out, or all where it says
// nothing.
std::vector<corpus::Entry> clips_of(const std::vector<std::string>& inputs) {
  std::vector<corpus::Entry> clips;
  for (const std::string& input : inputs) {
    if (!corpus::names_manifest(input)) {
      corpus::Entry entry;
      entry.path = input;
      entry.name = fs::path(input).stem();
      clips.push_back(entry);
      continue;
    }
    const size_t before = clips.size();
    for (corpus::Entry& entry : corpus::read_manifest(input))
      if (entry.split != "train") clips.push_back(std::move(entry));
    if (clips.size() == before)
      throw Error(Fault::input, "manifest-all-train",
                  text(input,
                       ": expected clips that are held out, found none: run fluvox prepare "
                       "with --held-out"));
  }
  return clips;
}

fs::path copy_in(const fs::path& folder, const std::string& name) {
  for (const char* ending : {".wav", ".flac", ".ogg", ".opus"})
    if (std::error_code ignored; fs::exists(folder / (name + ending), ignored))
      return folder / (name + ending);
  throw Error(Fault::input, "copy-missing",
              text("expected a copy ", name, ".wav or .flac in ", folder.string(), ", found none"));
}

fs::path copy_beside(fs::path picture) { return picture.replace_extension(".wav"); }

int run(const EvaluateFlags& flags) {
  const std::vector<corpus::Entry> clips = clips_of(gather_inputs(flags));
  std::vector<std::string> names;
  names.reserve(clips.size());
  for (const corpus::Entry& clip : clips) names.push_back(clip.rate > 0 ? clip.name : clip.path);
  std::vector<fs::path> pictures;
  if (!flags.output.empty() || !flags.folder.empty()) pictures = output_paths(flags, names, ".png");
  for (size_t i = 0; i < pictures.size(); ++i)
    if (std::error_code ignored; fs::equivalent(clips[i].path, copy_beside(pictures[i]), ignored))
      throw Error(
          Fault::usage, "usage",
          text(clips[i].path, " would be overwritten by its own copy; give another folder"));
  std::unique_ptr<runtime::Session> session;
  if (flags.copies.empty()) session = open_session(flags);
  const int group = flags.group > 0 ? flags.group
                    : session       ? group_of(session->spec())
                                    : kUsualGroup;
  corpus::Reader reader;
  Means means;
  if (!flags.json) write_stdout(heading() + "\n");
  const int code = run_items("evaluate", names, flags, [&](size_t i) {
    std::vector<float> recording, copy;
    double seconds = 0, nats = kNone;
    int rate = 0;
    if (session) {
      rate = session->convention().sample_rate;
      recording = reader.read_at(clips[i], rate);
      nats = session->score(recording).nats_per_sample();
      const auto start = std::chrono::steady_clock::now();
      const mel::MelSource mel = mel::source_of(session->analyse(recording));
      const auto options = render_options(names[i], *session, mel.frames, flags);
      render_as_made(*session, mel, options, 0, [&](std::span<const float> fresh) {
        copy.insert(copy.end(), fresh.begin(), fresh.end());
      });
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    } else {
      audio::Sound sound = audio::read_sound(copy_in(flags.copies, clips[i].name));
      rate = sound.rate;
      copy = std::move(sound.samples);
      recording = reader.read_at(clips[i], rate);
      const double apart =
          (static_cast<double>(copy.size()) - static_cast<double>(recording.size())) / rate;
      if (std::abs(apart) > kMostApart)
        throw Error(Fault::input, "copy-length",
                    text(names[i], ": expected a copy of its length, found one ", apart,
                         " s longer; they are compared as they lie"));
    }
    const size_t length = std::min(recording.size(), copy.size());
    const std::span<const float> a(recording.data(), length), b(copy.data(), length);
    Figures figures = measure(a, b, rate, group);
    figures.nats.value = nats;
    const double duration = static_cast<double>(recording.size()) / rate;
    if (session) figures.speed.value = duration / seconds;
    means.add(figures);
    Item item{.seconds = duration,
              .skipped = false,
              .result = json_of(figures),
              .line = row(clips[i].name, figures)};
    if (!pictures.empty()) {
      if (session && !flags.folder.empty()) {
        const fs::path sound = copy_beside(pictures[i]);
        audio::write_sound(sound, copy, rate, audio::Encoding::f32);
        item.result["copy"] = sound.string();
      }
      report::write_png(pictures[i], report::plot_compared(a, b, rate, clips[i].name, "its copy"));
      item.result["picture"] = pictures[i].string();
    }
    return item;
  });
  if (flags.json)
    write_stdout(Json{{"mean", json_of(means.figures())}, {"clips", means.clips()}}.dump() + "\n");
  else if (means.clips() > 1)
    write_stdout(row("mean", means.figures()) + "\n");
  return code;
}

}  // namespace

void add_evaluate(Program& program) {
  CLI::App& command = program.command(
      "evaluate", "copy synthesis, and how far it is from the recordings",
      "  fluvox evaluate speech.wav\n"
      "  fluvox evaluate -m voice.safetensors corpora/lj/manifest.jsonl -d report\n"
      "  fluvox evaluate *.flac --copies of-another-vocoder --json\n\n"
      "Each recording goes through its mel and the model, and the copy is compared with it. Of a\n"
      "manifest, the clips held out are taken. With -d the copies (NAME.wav) and pictures of both\n"
      "spectrograms (NAME.png) are written. What the figures mean: docs/evaluation.md.");
  const auto flags = std::make_shared<EvaluateFlags>();
  flags->seed = 1;
  input_flags(command, *flags, "recordings, or manifests of fluvox prepare");
  model_flag(command, *flags);
  command
      .add_option("--copies", flags->copies,
                  "compare with the copies in this folder, by name, in place of the model's")
      ->type_name("FOLDER");
  command
      .add_option("--group", flags->group,
                  "look for tones at multiples of the rate over this; the model's squeeze, or 8")
      ->type_name("N")
      ->check(CLI::IsMember({4, 8, 16, 32, 64, 128, 256, 512}));
  output_flag(command, *flags, "the picture of one recording and its copy");
  folder_flag(command, *flags, "where NAME.png and NAME.wav of each input go");
  seed_flag(command, *flags);
  sigma_flag(command, *flags);
  processor_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
