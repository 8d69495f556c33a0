// fluvox render: mels, or recordings by way of their mel, to speech.
#include <CLI/CLI.hpp>
#include <memory>

#include "audio/loudness.h"
#include "audio/resample.h"
#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/log.h"
#include "mel/denoiser.h"

namespace fluvox::cli {
namespace {

struct RenderFlags : Flags {
  std::string normalize = "none";
  int rate = 0;
  bool raw = false;
  int chunk = 0;
  double denoise = 0;
  std::string bias = "silence";
};

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

int run(const RenderFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  if (!flags.noise.empty() && inputs.size() != 1)
    throw Error(Fault::usage, "usage", text("--noise goes with one input, found ", inputs.size()));
  const auto outputs = output_paths(flags, inputs, ".wav");
  const audio::Encoding encoding = audio::parse_encoding(flags.encoding);
  for (const auto& output : outputs) audio::check_sound_name(output, encoding, flags.raw);
  const auto normalization = audio::Normalization::parse(flags.normalize);
  const auto session = open_session(flags);
  const int own_rate = session->convention().sample_rate,
            rate = flags.rate > 0 ? flags.rate : own_rate;
  const Tone tone(*session, flags);
  // These look at the whole sound before its first sample can be written.
  const bool whole = flags.denoise > 0 || rate != own_rate || flags.normalize != "none";
  return run_items("render", inputs, flags, [&](size_t i, const Share& so_far) {
    const mel::Mel mel = mel_of_input(inputs[i], *session, flags);
    const auto options = render_options(inputs[i], *session, mel.frames, flags);
    const auto length = static_cast<double>(mel.frames) * session->convention().hop;
    std::vector<float> samples;  // where the whole is needed
    std::optional<audio::SoundWriter> writer;
    if (!whole)
      writer.emplace(outputs[i], rate, encoding, flags.raw, static_cast<std::uint64_t>(length));
    double made = 0;
    render_as_made(*session, mel, options, flags.chunk, [&](std::span<const float> fresh) {
      if (writer)
        writer->write(fresh);
      else
        samples.insert(samples.end(), fresh.begin(), fresh.end());
      so_far((made += static_cast<double>(fresh.size())) / length);
    });
    if (whole) {
      samples = tone.removed_from(std::move(samples));
      if (rate != own_rate) samples = audio::resample(samples, own_rate, rate);
      if (audio::apply_normalization(samples, rate, normalization).limited)
        warn(text(outputs[i].string(),
                  ": the loudness asked for would clip: its peak is at full scale instead"));
      writer.emplace(outputs[i], rate, encoding, flags.raw, samples.size());
      writer->write(samples);
    }
    const audio::WriteReport report = writer->finish();
    if (report.clipped > 0)
      warn(text(outputs[i].string(), ": ", report.clipped, " of ", report.frames,
                " samples were beyond full scale and clipped"));
    const double seconds = static_cast<double>(report.frames) / rate;
    Item item{.seconds = seconds,
              .skipped = false,
              .result = {{"output", outputs[i].string()},
                         {"frames", mel.frames},
                         {"samples", report.frames},
                         {"seconds", seconds},
                         {"clipped", report.clipped}},
              .line = {}};
    if (outputs[i] == "-") item.result.erase("output");
    return item;
  });
}

}  // namespace

void add_render(Program& program) {
  CLI::App& command =
      program.command("render", "mel spectrograms (or recordings, by way of theirs) to speech",
                      "  fluvox render speech.npy -o speech.wav --seed 1\n"
                      "  fluvox render recording.flac -o copy.flac --sigma 0.7\n"
                      "  fluvox render mels/*.npy -d out --normalize lufs:-23\n"
                      "  fluvox render speech.npy -o - | aplay");
  const auto flags = std::make_shared<RenderFlags>();
  input_flags(command, *flags,
              "mels (.npy, .pt) or recordings, whose mel is taken in the model's convention");
  model_flag(command, *flags);
  output_flag(command, *flags, "the sound of one input: .wav .flac .ogg .opus; - is WAV on stdout");
  folder_flag(command, *flags, "where NAME.wav of each input goes");
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
  precision_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
