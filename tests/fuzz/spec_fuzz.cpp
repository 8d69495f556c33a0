// Specs, the part of a model file that says what to build. Twice: of any sizes with no tensors
// behind them, which must be refused before memory is taken; and of small sizes with random
// weights, where whatever is not refused must render, piece by piece with the bits of the whole.
#include <cstring>

#include "core/strict_json.h"
#include "flow/registry.h"
#include "flow/spec.h"
#include "fuzz/fuzz.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "runtime/stream.h"

namespace fluvox::fuzz {
namespace {

constexpr int kFrames = 3;
constexpr int64_t kMostLookAhead = 4096;

// Dilations double from layer to layer, so a few layers reach far.
bool is_small(const Json& json, bool layers = false) {
  if (json.is_number()) return json.get<double>() <= (layers ? 5 : 64);
  if (!json.is_structured()) return true;
  if (json.size() > 24) return false;
  for (const auto& [key, value] : json.items())
    if (!is_small(value, layers || key == "layers" || key == "row_dilations")) return false;
  return true;
}

// Of the conditioner, all but what is in hertz, and taps: a kernel spans whole frames.
bool is_small(const flow::Spec& spec, const mel::Convention& convention) {
  if (convention.fft > 256 || convention.hop > 32 || convention.bands > 16) return false;
  Json sizes = spec.conditioner;
  if (!sizes.is_object() || sizes.value("kernel", Json(0)) > 256) return false;
  for (const char* name : {"rate", "kernel", "band_centres", "band_log_sums"}) sizes.erase(name);
  return is_small(sizes) && is_small(Json(spec.steps)) && is_small(spec.base);
}

std::vector<float> streamed(const runtime::Session& session, const mel::Mel& mel) {
  runtime::Stream stream(session, {.seed = 1});
  std::vector<float> sound, piece(23);
  const auto pull = [&] {
    while (const size_t n = stream.pull(piece))
      sound.insert(sound.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
  };
  for (int t = 0; t < mel.frames; ++t) {
    const auto frame = mel.values.begin() + static_cast<std::ptrdiff_t>(t) * mel.bands;
    stream.push({1, mel.bands, {frame, frame + mel.bands}});
    pull();
  }
  stream.finish();
  pull();
  return sound;
}

bool render(const flow::Spec& spec, const mel::Convention& convention) {
  const runtime::Session session(runtime::made_up_model(spec), {.threads = 1});
  if (session.look_ahead() > kMostLookAhead) return false;
  const mel::Mel mel{kFrames, convention.bands,
                     std::vector<float>(static_cast<size_t>(kFrames) * convention.bands, -2)};
  const std::vector<float> whole = session.render(mel, {.seed = 1});
  expect(whole.size() == static_cast<size_t>(kFrames) * convention.hop, "frames x hop samples");
  if (!session.streams()) return true;
  const std::vector<float> pieces = streamed(session, mel);
  expect(pieces.size() == whole.size(), "as many samples streamed as at once");
  // Not as numbers: a flow of random weights may give NaN.
  expect(std::memcmp(pieces.data(), whole.data(), whole.size() * sizeof(float)) == 0,
         "streamed, the bits of the whole");
  return true;
}

void run(std::string_view input) {
  const auto spec = from_json<flow::Spec>(parse_json(input, "spec"), "spec");
  const mel::Convention convention = mel::convention_from_json(spec.mel, "mel");
  flow::ways_of(spec);
  const bool rendered = is_small(spec, convention) && render(spec, convention);
  try {
    runtime::Session({spec, {}, ""}, {.threads = 1});
  } catch (const Error&) {
    if (!rendered) throw;
  }
}

std::vector<std::string> seeds() {
  mel::Convention convention;
  convention.name = "small";
  convention.fft = convention.window = 64;
  convention.hop = 16;
  convention.bands = 6;
  std::vector<std::string> texts;
  for (const models::Architecture& model : models::architectures())
    texts.push_back(to_json(model.build(model.tiny, convention)).dump());
  return texts;
}

}  // namespace

const Target spec = {"spec", run, seeds};

}  // namespace fluvox::fuzz
