#include "runtime/latents.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "audio/encoding.h"
#include "core/error.h"
#include "core/strict_json.h"
#include "flow/flow_runtime.h"
#include "flow/safetensors.h"
#include "mel/convert.h"

namespace fluvox::runtime {
namespace {

constexpr const char* kMetadataKey = "fluvox_latents";
constexpr int kFormat = 1;

struct About {
  int format = kFormat;
  int64_t samples = 0;
  std::string model, model_sha256;
  Json mel = Json::object();
};

template <class Visitor>
void fields(Visitor& v, About& a) {
  v("format", a.format, "version of this layout", Range{kFormat, kFormat});
  v("samples", a.samples, "of the recording");
  v("model", a.model, "whose z it is");
  v("model_sha256", a.model_sha256, "of that model");
  v("mel", a.mel, "convention of the mel");
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Fault::input, "latents-invalid", path.string() + ": " + what);
}

// A matrix of finite numbers; its extents fit an int.
std::vector<float> matrix(const std::filesystem::path& path, const Tensors& tensors,
                          const std::string& name, int& rows, int& columns) {
  const auto found = tensors.find(name);
  if (found == tensors.end())
    refuse(path, text("expected the tensors \"z\" and \"mel\" of `fluvox encode`, found no \"",
                      name, "\""));
  const HostTensor& tensor = found->second;
  const auto fits = [](int64_t extent) {
    return extent > 0 && extent <= std::numeric_limits<int>::max() / 4;
  };
  if (tensor.shape.size() != 2 || !fits(tensor.shape[0]) || !fits(tensor.shape[1]) ||
      !is_floating(tensor.type))
    refuse(path, text("expected \"", name, "\" as a matrix of numbers, found ",
                      name_of(tensor.type), " of shape ", describe_shape(tensor.shape)));
  std::vector<float> values = tensor.floats();
  for (const float value : values)
    if (!std::isfinite(value)) refuse(path, text("\"", name, "\" holds NaN or infinity"));
  rows = static_cast<int>(tensor.shape[0]);
  columns = static_cast<int>(tensor.shape[1]);
  return values;
}

// [rows][columns] -> [columns][rows]
std::vector<float> transposed(const std::vector<float>& values, int rows, int columns) {
  std::vector<float> out(values.size());
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
    for (size_t c = 0; c < static_cast<size_t>(columns); ++c)
      out[c * static_cast<size_t>(rows) + r] = values[r * static_cast<size_t>(columns) + c];
  return out;
}

// The first `frames` frames of a recording's latents.
Latents first_frames(const Latents& whole, int frames) {
  Latents part = whole;
  part.positions = whole.positions / whole.mel.frames * frames;
  part.z.clear();
  for (int c = 0; c < whole.channels; ++c) {
    const auto row = whole.z.begin() + int64_t{c} * whole.positions;
    part.z.insert(part.z.end(), row, row + part.positions);
  }
  part.mel.frames = frames;
  part.mel.values.resize(static_cast<size_t>(frames) * static_cast<size_t>(whole.mel.bands));
  part.samples = std::min(whole.samples,
                          static_cast<size_t>(frames) * static_cast<size_t>(part.convention.hop));
  return part;
}

void expect_alike(const std::string& what, int64_t expected, int64_t found) {
  if (expected != found)
    throw Error(Fault::input, "shape-mismatch",
                text("the two recordings do not go together: ", what, " ", expected, " and ", found,
                     "; encode both with one model"));
}

std::vector<float> mixed(const std::vector<float>& a, const std::vector<float>& b, double amount) {
  std::vector<float> out(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    out[i] = static_cast<float>((1 - amount) * a[i] + amount * b[i]);
  return out;
}

}  // namespace

mel::Mel with_frames(mel::Mel mel, int frames) {
  if (mel.frames != frames && mel.frames - 1 != frames)
    throw Error(Fault::input, "shape-mismatch",
                text("expected a mel of ", frames, " frames, found ", mel.frames));
  mel.frames = frames;
  mel.values.resize(static_cast<size_t>(frames) * static_cast<size_t>(mel.bands));
  return mel;
}

Latents encode(const Session& session, std::span<const float> audio,
               const std::optional<mel::Mel>& mel) {
  const auto hop = static_cast<size_t>(session.convention().hop);
  const size_t frames = (audio.size() + hop - 1) / hop;
  if (audio.empty())
    throw Error(Fault::input, "audio-too-short", "audio: expected samples, found none");
  if (frames > static_cast<size_t>(std::numeric_limits<int>::max()) / 4 / hop)
    throw Error(
        Fault::input, "mel-too-long",
        text("audio: ", audio.size(), " samples are too many at once; split the recording"));
  std::vector<float> filled(audio.begin(), audio.end());
  filled.resize(frames * hop, 0.0f);
  Latents latents;
  latents.mel = with_frames(mel ? *mel : session.analyse(filled), static_cast<int>(frames));
  latents.z = session.encode(filled, latents.mel);
  for (const float value : latents.z)
    if (!std::isfinite(value))
      throw Error(Fault::input, "not-finite",
                  "z of this recording is not finite: the model cannot encode it");
  latents.channels = session.z_channels();
  latents.positions = session.z_positions(latents.mel.frames);
  latents.convention = session.convention();
  latents.samples = audio.size();
  latents.model = session.spec().model;
  return latents;
}

std::vector<float> decode(const Session& session, const Latents& latents) {
  const mel::Convention& convention = session.convention();
  flow::expect_size("z", "channels of the model", session.z_channels(), latents.channels);
  flow::expect_size("mel", "bands of the model", convention.bands, latents.mel.bands);
  flow::expect_size("z", text("positions of ", latents.mel.frames, " frames"),
                    session.z_positions(latents.mel.frames), latents.positions);
  const mel::Mel mel = mel::convert(latents.mel, latents.convention, convention);
  std::vector<float> audio =
      session.render(mel, {.seed = 0, .item = 0, .sigma = {}, .z = latents.z});
  audio.resize(std::min(audio.size(), latents.samples));
  return audio;
}

Latents read_latents(const std::filesystem::path& path) {
  const flow::Safetensors file = flow::read_safetensors(path);
  const auto found = file.metadata.find(kMetadataKey);
  if (found == file.metadata.end())
    refuse(path, "expected a file of `fluvox encode`; its metadata says nothing of latents");
  const std::string where = path.string() + ": " + kMetadataKey;
  const auto about = from_json<About>(parse_json(found->second, where), where);
  Latents latents;
  latents.convention = mel::convention_from_json(about.mel, where + ".mel");
  latents.z = matrix(path, file.tensors, "z", latents.channels, latents.positions);
  const std::vector<float> mel =
      matrix(path, file.tensors, "mel", latents.mel.bands, latents.mel.frames);
  latents.mel.values = transposed(mel, latents.mel.bands, latents.mel.frames);
  const int64_t most = int64_t{latents.mel.frames} * latents.convention.hop;
  if (int64_t{latents.channels} * latents.positions != most ||
      latents.positions % latents.mel.frames != 0)
    refuse(path, text("z of ", latents.channels, " x ", latents.positions,
                      " values does not stand for the ", most, " samples of ", latents.mel.frames,
                      " frames"));
  if (about.samples < 1 || about.samples > most)
    refuse(path, text("expected from 1 to ", most, " samples, found ", about.samples));
  latents.samples = static_cast<size_t>(about.samples);
  latents.model = about.model;
  latents.model_sha256 = about.model_sha256;
  return latents;
}

void write_latents(const std::filesystem::path& path, const Latents& latents) {
  const mel::Mel& mel = latents.mel;
  const Tensors tensors = {{"z", HostTensor::of(latents.z, {latents.channels, latents.positions})},
                           {"mel", HostTensor::of(transposed(mel.values, mel.frames, mel.bands),
                                                  {mel.bands, mel.frames})}};
  const About about{kFormat, static_cast<int64_t>(latents.samples), latents.model,
                    latents.model_sha256, to_json(latents.convention)};
  flow::write_safetensors(path, tensors, {{kMetadataKey, to_json(about).dump()}});
}

Latents between(const Latents& a, const Latents& b, double amount) {
  expect_alike("z of channels", a.channels, b.channels);
  expect_alike("mels of bands", a.mel.bands, b.mel.bands);
  expect_alike("a hop of", a.convention.hop, b.convention.hop);
  const int frames = std::min(a.mel.frames, b.mel.frames);
  Latents out = first_frames(a, frames);
  const Latents other = first_frames(b, frames);
  expect_alike("z of positions", out.positions, other.positions);
  out.z = mixed(out.z, other.z, amount);
  out.mel.values =
      mixed(out.mel.values, mel::convert(other.mel, b.convention, a.convention).values, amount);
  out.samples = std::min(out.samples, other.samples);
  return out;
}

std::vector<double> time_mean(const Latents& latents) {
  std::vector<double> means;
  const float* value = latents.z.data();
  for (int c = 0; c < latents.channels; ++c) {
    double sum = 0;
    for (int t = 0; t < latents.positions; ++t) sum += *value++;
    means.push_back(sum / latents.positions);
  }
  return means;
}

void shift(Latents& latents, std::span<const double> by) {
  expect_alike("z of channels", latents.channels, static_cast<int64_t>(by.size()));
  float* value = latents.z.data();
  for (const double step : by)
    for (int t = 0; t < latents.positions; ++t, ++value) *value = static_cast<float>(*value + step);
}

Fidelity fidelity(std::span<const float> audio, std::span<const float> decoded) {
  Fidelity found;
  for (size_t i = 0; i < std::min(audio.size(), decoded.size()); ++i) {
    const double error = std::abs(double{audio[i]} - decoded[i]);
    if (!(error <= found.max_error)) found.max_error = error;
    if (!std::isfinite(error) ||
        audio::round_to_bits(audio[i], 16) != audio::round_to_bits(decoded[i], 16))
      ++found.differing;
  }
  return found;
}

}  // namespace fluvox::runtime
