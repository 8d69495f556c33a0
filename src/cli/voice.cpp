#include "cli/voice.h"

#include <algorithm>

#include "audio/sound_file.h"
#include "cli/mel_input.h"
#include "cli/processor.h"
#include "core/error.h"
#include "core/signals.h"
#include "runtime/stream.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr const char* kVoice = "compact.safetensors";

}  // namespace

fs::path model_path(const Flags& flags) {
  if (!flags.model.empty()) return flags.model;
  std::error_code ignored;
  fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path installed = folder / ".." / "share" / "fluvox" / "models" / kVoice;
  if (fs::exists(installed, ignored)) return installed.lexically_normal();
  for (int level = 0; level < 3; ++level, folder = folder.parent_path())
    if (fs::exists(folder / "models" / "pretrained" / kVoice, ignored))
      return folder / "models" / "pretrained" / kVoice;
  throw Error(Fault::usage, "model-missing",
              text("expected a model: give its file with -m; the voice in the box, ", kVoice,
                   ", is neither installed nor in a source tree around this program"));
}

runtime::SessionOptions session_options(const Flags& flags) {
  return options_for(flags.device, flags.precision, flags.threads);
}

std::unique_ptr<runtime::Session> open_session(const Flags& flags, std::string* sha256) {
  const runtime::SessionOptions options = session_options(flags);
  const flow::Model model = flow::read_model(model_path(flags));
  if (sha256) *sha256 = model.sha256;
  return std::make_unique<runtime::Session>(model, options);
}

mel::MelSource open_input(const std::string& input, const runtime::Session& session,
                          const Flags& flags) {
  if (names_mel(input))
    return open_mel_input(input, session.convention(), mel::layout(flags.layout));
  return mel::source_of(
      session.analyse(audio::read_sound(input, session.convention().sample_rate).samples));
}

mel::Mel mel_of_input(const std::string& input, const runtime::Session& session,
                      const Flags& flags) {
  const mel::MelSource mel = open_input(input, session, flags);
  return mel.read(0, mel.frames);
}

runtime::RenderOptions render_options(const std::string& input, const runtime::Session& session,
                                      int frames, const Flags& flags) {
  runtime::RenderOptions options{.seed = flags.seed,
                                 .item = runtime::item_of(fs::path(input).stem().string()),
                                 .sigma = flags.sigma,
                                 .z = {}};
  if (flags.noise.empty()) return options;
  if (flags.sigma)
    throw Error(Fault::usage, "usage",
                "--noise is taken as it is: it carries its own scale, so leave out --sigma");
  const mel::NpyArray z = mel::read_npy(flags.noise);
  const std::vector<size_t> shape = {static_cast<size_t>(session.z_channels()),
                                     static_cast<size_t>(session.z_positions(frames))};
  std::vector<size_t> found = z.shape;
  if (found.size() == 3 && found[0] == 1) found.erase(found.begin());
  if (found != shape)
    throw Error(Fault::input, "shape-mismatch",
                text(flags.noise, ": expected noise of shape ", mel::shape_text(shape), " for the ",
                     frames, " frames of ", input, ", found ", mel::shape_text(z.shape)));
  options.z = z.values;
  return options;
}

void render_as_made(const runtime::Session& session, const mel::MelSource& mel,
                    const runtime::RenderOptions& options, int chunk,
                    const std::function<void(std::span<const float>)>& sink) {
  if (chunk == 0 && (session.on_gpu() || !session.streams()))
    return sink(session.render(mel.read(0, mel.frames), options));
  const int most = chunk > 0 ? chunk : kPieceFrames;
  runtime::Stream stream(session, options);
  std::vector<float> samples(static_cast<size_t>(most) * session.convention().hop);
  for (int at = 0; at < mel.frames;) {
    throw_if_interrupted();
    const int count = std::min(most, mel.frames - at);
    stream.push(mel.read(at, count));
    at += count;
    if (at == mel.frames) stream.finish();
    while (const size_t made = stream.pull(samples)) sink(std::span(samples).first(made));
  }
}

}  // namespace fluvox::cli
