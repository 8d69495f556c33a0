// fluvox render: mels, or recordings by way of their mel, to speech.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "audio/loudness.h"
#include "audio/resample.h"
#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/jobs.h"
#include "cli/record.h"
#include "cli/voice.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/threads.h"
#include "fluvox_version.h"
#include "kernels/isa.h"
#include "mel/denoiser.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

struct RenderFlags : Flags {
  std::string normalize = "none";
  int rate = 0;
  bool raw = false;
  int chunk = 0;
  double denoise = 0;
  std::string bias = "silence";
  std::string shard;
  bool resume = false;
  std::string on_error = "continue";
};

// From so many jobs on, each thread takes one of its own: nothing waits for anything until the
// last, where with few long ones the threads would stand idle at the end.
constexpr size_t kManyForEachThread = 4;

// Takes the model's own tone out (mel/denoiser.h). Its bias is rendered once for a run.
class Tone {
 public:
  Tone(const runtime::Session& session, const RenderFlags& flags) : flags_(flags) {
    if (flags.denoise == 0) return;
    constexpr int kFrames = 88;
    const mel::Convention& c = session.convention();
    if (flags.bias == "zero-mel") {
      const mel::Mel zeros{kFrames, c.bands,
                           std::vector<float>(static_cast<size_t>(kFrames) * c.bands, 0.0f)};
      bias_ = denoiser_.bias_of_first_frame(
          session.render(zeros, {.seed = 0, .item = 0, .sigma = 0.0, .z = {}}));
      strength_.assign(bias_.size(), flags.denoise);
    } else {
      const auto silence =
          session.analyse(std::vector<float>(static_cast<size_t>(kFrames) * c.hop, 0.0f));
      bias_ = denoiser_.bias_of_average(
          session.render(silence, {.seed = 0, .item = 0, .sigma = 0.0, .z = {}}));
      strength_ = mel::tonal_strengths(bias_, flags.denoise);
    }
  }

  std::vector<float> removed_from(std::vector<float> samples) const {
    return flags_.denoise == 0 ? samples : denoiser_.remove(samples, bias_, strength_);
  }

 private:
  const RenderFlags& flags_;
  mel::Denoiser denoiser_;
  std::vector<double> bias_, strength_;
};

// A run over the jobs of one shard.
class Renderer {
 public:
  explicit Renderer(const RenderFlags& flags)
      : flags_(flags),
        encoding_(audio::parse_encoding(flags.encoding)),
        normalization_(audio::Normalization::parse(flags.normalize)),
        session_(open_session(flags, &model_sha256_)),
        own_rate_(session_->convention().sample_rate),
        rate_(flags.rate > 0 ? flags.rate : own_rate_),
        tone_(*session_, flags) {}

  Item operator()(const Job& job, const Share& so_far) const {
    if (!flags_.resume) return rendered(job, so_far);
    const std::string key = key_of(job.input, settings(job));
    if (vouched_for(job.output, key))
      return {.seconds = 0,
              .skipped = true,
              .result = {{"output", job.output.string()}, {"skipped", true}}};
    Item item = rendered(job, so_far);
    keep_record(job.output, key);
    return item;
  }

 private:
  Flags noise_of(const Job& job) const {
    Flags flags;
    flags.seed = job.seed;
    flags.sigma = job.sigma;
    flags.noise = flags_.noise;
    return flags;
  }

  Item rendered(const Job& job, const Share& so_far) const {
    if (job.makes_folder) make_folder(job.output.parent_path());
    const mel::MelSource mel = open_input(job.input, *session_, flags_);
    const auto options = render_options(job.input, *session_, mel.frames, noise_of(job));
    const auto length = static_cast<double>(mel.frames) * session_->convention().hop;
    // These look at the whole sound before its first sample can be written.
    const bool whole = flags_.denoise > 0 || rate_ != own_rate_ || flags_.normalize != "none";
    std::vector<float> samples;  // where the whole is needed
    std::optional<audio::SoundWriter> writer;
    if (!whole)
      writer.emplace(job.output, rate_, encoding_, flags_.raw, static_cast<std::uint64_t>(length));
    double made = 0;
    render_as_made(*session_, mel, options, flags_.chunk, [&](std::span<const float> fresh) {
      if (writer)
        writer->write(fresh);
      else
        samples.insert(samples.end(), fresh.begin(), fresh.end());
      so_far((made += static_cast<double>(fresh.size())) / length);
    });
    if (whole) {
      samples = tone_.removed_from(std::move(samples));
      if (rate_ != own_rate_) samples = audio::resample(samples, own_rate_, rate_);
      if (audio::apply_normalization(samples, rate_, normalization_).limited)
        warn(text(job.output.string(),
                  ": the loudness asked for would clip: its peak is at full scale instead"));
      writer.emplace(job.output, rate_, encoding_, flags_.raw, samples.size());
      writer->write(samples);
    }
    const audio::WriteReport report = writer->finish();
    if (report.clipped > 0)
      warn(text(job.output.string(), ": ", report.clipped, " of ", report.frames,
                " samples were beyond full scale and clipped"));
    const double seconds = static_cast<double>(report.frames) / rate_;
    Item item{.seconds = seconds,
              .skipped = false,
              .result = {{"output", job.output.string()},
                         {"frames", mel.frames},
                         {"samples", report.frames},
                         {"seconds", seconds},
                         {"clipped", report.clipped}},
              .line = {}};
    if (job.output == "-") item.result.erase("output");
    return item;
  }

  // All that decides about the bytes of an output, but for those of its input. Chunks and threads
  // never do.
  Json settings(const Job& job) const {
    const fs::path input = job.input;
    Json all = {{"fluvox", FLUVOX_VERSION},
                {"model", model_sha256_},
                {"seed", job.seed},
                {"sigma", job.sigma.value_or(session_->spec().sigma)},
                {"name", input.stem().string()},
                {"read_as", input.extension().string()},
                {"layout", flags_.layout},
                {"written_as", job.output.extension().string()},
                {"encoding", flags_.encoding},
                {"raw", flags_.raw},
                {"rate", rate_},
                {"normalize", flags_.normalize},
                {"denoise", flags_.denoise},
                {"denoise_bias", flags_.bias},
                {"precision", flags_.precision}};
    if (session_->on_gpu())
      all["device"] = "cuda";  // whose bits are other ones
    else if (flags_.precision == "bf16")
      all["isa"] = kernels::isa_name(kernels::isa());
    return all;
  }

  const RenderFlags& flags_;
  audio::Encoding encoding_;
  audio::Normalization normalization_;
  std::string model_sha256_;
  std::unique_ptr<runtime::Session> session_;
  int own_rate_, rate_;
  Tone tone_;
};

void check(const RenderFlags& flags, const std::vector<Job>& jobs) {
  const auto refuse = [](const std::string& what) { throw Error(Fault::usage, "usage", what); };
  if (!flags.noise.empty()) {
    if (jobs.size() != 1) refuse(text("--noise goes with one input, found ", jobs.size()));
    if (flags.resume) refuse("--noise is for one rendering: leave out --resume");
  }
  const audio::Encoding encoding = audio::parse_encoding(flags.encoding);
  std::error_code ignored;
  for (const Job& job : jobs) {
    try {
      audio::check_sound_name(job.output, encoding, flags.raw);
    } catch (const Error& error) {
      if (job.where.empty()) throw;
      throw Error(error.fault(), error.code(), text(job.where, ": ", error.what()));
    }
    const bool plain = job.output != "-" && (!fs::exists(job.output, ignored) ||
                                             fs::is_regular_file(job.output, ignored));
    if (flags.resume && (!plain || job.input == "-"))
      refuse(text("--resume goes from files to files, found ",
                  job.input == "-" ? job.input : job.output.string()));
  }
}

int run(const RenderFlags& flags) {
  const Shard shard = flags.shard.empty() ? Shard{} : Shard::parse(flags.shard);
  std::vector<Job> jobs = gather_jobs(flags);
  check(flags, jobs);
  if (!flags.folder.empty()) make_folder(flags.folder);
  // The whole list has been looked at; from here on there is only this shard's.
  size_t kept = 0;
  for (size_t place = 0; place < jobs.size(); ++place)
    if (shard.holds(place)) std::swap(jobs[kept++], jobs[place]);
  jobs.resize(kept);
  std::vector<std::string> inputs;
  for (const Job& job : jobs) inputs.push_back(job.input);

  const Renderer renderer(flags);
  const int threads = flags.threads > 0 ? flags.threads : default_threads();
  const bool many = jobs.size() >= kManyForEachThread * static_cast<size_t>(threads);
  const auto work = [&](size_t i, const Share& so_far) {
    try {
      return renderer(jobs[i], so_far);
    } catch (const Error& error) {
      if (jobs[i].where.empty()) throw;
      throw Error(error.fault(), error.code(), text(jobs[i].where, ": ", error.what()));
    }
  };
  return run_items("render", inputs, flags, work,
                   {.stop = flags.on_error == "stop",
                    .outlive_unwritable = true,
                    .at_once = many ? threads : 1});
}

}  // namespace

void add_render(Program& program) {
  CLI::App& command = program.command(
      "render", "mel spectrograms (or recordings, by way of theirs) to speech",
      "  fluvox render speech.npy -o speech.wav --seed 1\n"
      "  fluvox render recording.flac -o copy.flac --sigma 0.7\n"
      "  fluvox render mels/*.npy -d out --normalize lufs:-23\n"
      "  fluvox render speech.npy -o - | aplay\n"
      "  fluvox render mels -d out --resume --shard 2/8\n"
      "  fluvox render mels -d out --device cuda --precision bf16\n"
      "  fluvox render -f jobs.jsonl -d out\n\n"
      "A line of JSON is {\"input\": \"a.npy\", \"output\": \"a.flac\", \"seed\": 3, "
      "\"sigma\": 0.7}\nwith all but input as you like. Many files, and many "
      "machines: docs/rendering.md.");
  const auto flags = std::make_shared<RenderFlags>();
  input_flags(command, *flags,
              "mels (.npy, .pt) or recordings, whose mel is taken in the model's convention; "
              "folders are searched for both");
  model_flag(command, *flags);
  output_flag(command, *flags, "the sound of one input: .wav .flac .ogg .opus; - is WAV on stdout");
  folder_flag(command, *flags, "where NAME.wav of each input goes");
  command
      .add_option("--shard", flags->shard,
                  "render every N-th input alone, from the I-th on: N runs do the whole")
      ->type_name("I/N");
  command.add_flag("--resume", flags->resume,
                   "keep a record of each result, and skip what a record of an earlier run with "
                   "--resume vouches for: same input, model and settings, output intact");
  command
      .add_option("--on-error", flags->on_error,
                  "after an item that fails: continue with the others, or stop")
      ->type_name("HOW")
      ->check(CLI::IsMember({"continue", "stop"}).description(""))
      ->capture_default_str();
  seed_flag(command, *flags);
  sigma_flag(command, *flags);
  noise_flag(command, *flags);
  layout_flag(command, *flags);
  encoding_flag(command, *flags);
  command.add_flag("--output-raw", flags->raw, "samples alone, without a header");
  command
      .add_option("--rate", flags->rate,
                  "of the sound that is written; the model's own when not given")
      ->type_name("HZ")
      ->check(CLI::Range(audio::kLowestRate, audio::kHighestRate));
  command
      .add_option("--normalize", flags->normalize,
                  "none, peak, or lufs:N for N LUFS by ITU-R BS.1770-4")
      ->type_name("HOW")
      ->capture_default_str();
  command
      .add_option("--denoise", flags->denoise,
                  "strength with which the model's own tone is taken out; 0: off")
      ->type_name("X")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command
      .add_option("--denoise-bias", flags->bias,
                  "what that tone is told by: silence (our form) or zero-mel (WaveGlow's)")
      ->type_name("FORM")
      ->check(CLI::IsMember({"silence", "zero-mel"}))
      ->capture_default_str();
  chunk_flag(command, flags->chunk);
  processor_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
