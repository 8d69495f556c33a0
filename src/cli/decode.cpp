// fluvox decode: z back to sound, as it was or changed.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/log.h"
#include "flow/model_file.h"
#include "mel/npy.h"
#include "runtime/latents.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

struct DecodeFlags : Flags {
  std::string mel, towards;
  std::vector<std::string> shift_from, shift_to;
  std::optional<double> amount;
};

class Reader {
 public:
  Reader(const flow::Model& model, const runtime::Session& session, const DecodeFlags& flags)
      : model_(model), session_(session), flags_(flags) {}

  runtime::Latents operator()(const std::string& path) const {
    runtime::Latents latents = fs::path(path).extension() == ".npy" ? plain(path) : kept(path);
    if (latents.channels != session_.z_channels())
      throw Error(Fault::input, "shape-mismatch",
                  text(path, ": expected z of ", session_.z_channels(), " channels, as the model ",
                       model_.spec.model, " has, found ", latents.channels,
                       "; it was encoded with another model: give that with -m"));
    return latents;
  }

 private:
  runtime::Latents kept(const std::string& path) const {
    runtime::Latents latents = runtime::read_latents(path);
    if (!latents.model_sha256.empty() && latents.model_sha256 != model_.sha256)
      warn(text(path, ": encoded with another model (", latents.model, ", SHA-256 ",
                latents.model_sha256.substr(0, 16), "...) than the one that decodes it (",
                model_.spec.model, ", ", model_.sha256.substr(0, 16),
                "...): it will not come back as it was"));
    if (flags_.mel.empty()) return latents;
    latents.mel =
        runtime::with_frames(mel_of_input(flags_.mel, session_, flags_), latents.mel.frames);
    latents.convention = session_.convention();
    return latents;
  }

  // z alone: its mel comes from --mel, its length is a whole number of frames.
  runtime::Latents plain(const std::string& path) const {
    if (flags_.mel.empty())
      throw Error(Fault::usage, "usage",
                  text(path, " holds z alone: give the mel it was encoded with by --mel"));
    mel::NpyArray array = mel::read_npy(path);
    if (array.shape.size() == 3 && array.shape[0] == 1) array.shape.erase(array.shape.begin());
    runtime::Latents latents;
    latents.convention = session_.convention();
    const size_t each = static_cast<size_t>(session_.z_positions(1));
    if (array.shape.size() != 2 || array.shape[1] == 0 || array.shape[1] % each != 0 ||
        array.values.size() > (size_t{1} << 30))
      throw Error(Fault::input, "shape-mismatch",
                  text(path, ": expected z of shape (", session_.z_channels(), ", a multiple of ",
                       each, "), found ", mel::shape_text(array.shape)));
    latents.channels = static_cast<int>(array.shape[0]);
    latents.positions = static_cast<int>(array.shape[1]);
    latents.z = std::move(array.values);
    const int frames = static_cast<int>(array.shape[1] / each);
    latents.mel = runtime::with_frames(mel_of_input(flags_.mel, session_, flags_), frames);
    latents.samples = static_cast<size_t>(frames) * static_cast<size_t>(session_.convention().hop);
    return latents;
  }

  const flow::Model& model_;
  const runtime::Session& session_;
  const DecodeFlags& flags_;
};

// The mean over recordings of the means of their z over time: each recording counts once.
std::vector<double> mean_of(const std::vector<std::string>& paths, const Reader& read) {
  std::vector<double> sum;
  for (const std::string& path : paths) {
    const std::vector<double> mean = runtime::time_mean(read(path));
    sum.resize(mean.size());
    for (size_t c = 0; c < mean.size(); ++c) sum[c] += mean[c] / static_cast<double>(paths.size());
  }
  return sum;
}

void check(const DecodeFlags& flags, size_t inputs) {
  const auto refuse = [](const std::string& what) { throw Error(Fault::usage, "usage", what); };
  if (!flags.mel.empty() && inputs != 1) refuse(text("--mel goes with one input, found ", inputs));
  if (flags.shift_from.empty() != flags.shift_to.empty())
    refuse("--shift-from and --shift-to go together: from the mean of the one set to the other's");
  const bool shifts = !flags.shift_from.empty(), moves = !flags.towards.empty();
  if (shifts && moves) refuse("give either --towards or --shift-from and --shift-to");
  if (flags.amount && !shifts && !moves)
    refuse("--amount is how far to go --towards a recording, or along a shift: give one of them");
}

int run(const DecodeFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  check(flags, inputs.size());
  const auto outputs = output_paths(flags, inputs, ".wav");
  const audio::Encoding encoding = audio::parse_encoding(flags.encoding);
  for (const auto& output : outputs) audio::check_sound_name(output, encoding);
  const flow::Model model = flow::read_model(model_path(flags));
  const runtime::Session session(model, {.threads = flags.threads});
  const Reader read(model, session, flags);
  const int rate = session.convention().sample_rate;

  std::optional<runtime::Latents> goal;
  if (!flags.towards.empty()) goal = read(flags.towards);
  std::vector<double> step;
  if (!flags.shift_to.empty()) {
    step = mean_of(flags.shift_to, read);
    const std::vector<double> from = mean_of(flags.shift_from, read);
    for (size_t c = 0; c < step.size(); ++c)
      step[c] = flags.amount.value_or(1) * (step[c] - from[c]);
  }
  return run_items("decode", inputs, flags, [&](size_t i) {
    runtime::Latents latents = read(inputs[i]);
    if (goal) latents = runtime::between(latents, *goal, flags.amount.value_or(0.5));
    if (!step.empty()) runtime::shift(latents, step);
    const auto samples = runtime::decode(session, latents);
    const audio::WriteReport report = audio::write_sound(outputs[i], samples, rate, encoding);
    if (report.clipped > 0)
      warn(text(outputs[i].string(), ": ", report.clipped, " of ", report.frames,
                " samples were beyond full scale and clipped"));
    const double seconds = static_cast<double>(samples.size()) / rate;
    Item item{.seconds = seconds,
              .skipped = false,
              .result = {{"output", outputs[i].string()},
                         {"samples", samples.size()},
                         {"seconds", seconds},
                         {"frames", latents.mel.frames},
                         {"clipped", report.clipped}},
              .line = {}};
    if (outputs[i] == "-") item.result.erase("output");
    return item;
  });
}

}  // namespace

void add_decode(Program& program) {
  CLI::App& command = program.command(
      "decode", "z of fluvox encode back to sound, as it was or changed",
      "  fluvox decode speech.safetensors -o speech.wav\n"
      "  fluvox decode a.safetensors -o half.wav --towards b.safetensors --amount 0.5\n"
      "  fluvox decode a.safetensors -o a.wav --shift-from calm/*.safetensors "
      "--shift-to loud/*.safetensors\n"
      "  fluvox decode z.npy --mel speech.npy -o speech.wav\n\n"
      "The length is the recording's, to the sample. See docs/latents.md.");
  const auto flags = std::make_shared<DecodeFlags>();
  input_flags(command, *flags, "files of fluvox encode; .npy is z alone and needs --mel");
  model_flag(command, *flags);
  output_flag(command, *flags, "the sound of one input: .wav .flac .ogg .opus; - is WAV on stdout");
  folder_flag(command, *flags, "where NAME.wav of each input goes");
  command
      .add_option("--mel", flags->mel,
                  "the mel (or a recording with it) of one input, in place of the one kept")
      ->type_name("FILE");
  layout_flag(command, *flags);
  command
      .add_option("--towards", flags->towards,
                  "another recording's z: mix z and mel with it, over the shorter length")
      ->type_name("FILE");
  command
      .add_option("--amount", flags->amount,
                  "how far: 0 is the input; 1 the other recording (0.5 when not given) or the "
                  "whole shift (when not given)")
      ->type_name("X")
      ->check(CLI::Range(-10.0, 10.0).description(""));
  command
      .add_option("--shift-from", flags->shift_from,
                  "add to z the mean over time of the files of --shift-to less that of these")
      ->type_name("FILE");
  command.add_option("--shift-to", flags->shift_to, "see --shift-from")->type_name("FILE");
  encoding_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
