// The GPU renders what the CPU renders: whole models, the very sources of src/cuda and kernels, on
// the emulation or, the same file, on a GPU.
#include <gmock/gmock.h>

#include <cmath>

#include "api/fluvox/fluvox.hpp"
#include "cuda/device.h"
#include "cuda/gpus.h"
#include "cuda/sampler.h"
#include "emulation/device_test.h"
#include "models/registry.h"
#include "runtime/stream.h"
#include "support/made_models.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::runtime {
namespace {

using cuda::Precision;

class CudaSampler : public kernels::DeviceTest {};

Session on_gpu(const flow::Model& model, Precision precision = Precision::fp32) {
  return Session(model, {.threads = 1,
                         .sampler = [=](const flow::Model& m, const flow::ConditionShape& shape) {
                           return cuda::make_sampler(m, shape, {.precision = precision});
                         }});
}

// Of the registry, with random weights.
flow::Model made(const std::string& name) {
  const models::Architecture& architecture = models::architecture(name);
  return made_up_model(architecture.build(architecture.tiny, support::small_convention()));
}

// Whose nets look back further than the row before, and whose scales are bound.
flow::Model made_waveflow() {
  const models::Architecture& waveflow = models::architecture("waveflow");
  flow::Spec spec = waveflow.build(waveflow.tiny, support::small_convention());
  for (Json& step : spec.steps) {
    if (step["kind"] != "row_coupling") continue;
    step["net"]["row_dilations"] = {1, 3, 2};
    step["limit"] = 1.5;
  }
  return made_up_model(spec);
}

std::vector<flow::Model> models() {
  std::vector<flow::Model> all = {support::small_waveglow(), support::small_compact()};
  for (const char* name : {"nice", "glow", "realnvp", "flowavenet", "squeezewave", "maf", "iaf"})
    all.push_back(made(name));
  all.push_back(made_waveflow());
  return all;
}

std::vector<flow::Model> models_that_stream() {
  std::vector<flow::Model> all = models();
  std::erase_if(all, [](const flow::Model& model) { return !Session(model).streams(); });
  return all;
}

mel::Mel mel_of(int frames, unsigned seed = 3) {
  mel::Mel mel{frames, 8, support::random_values(static_cast<size_t>(frames) * 8, 1, seed)};
  for (float& v : mel.values) v -= 3;
  return mel;
}

// Pushed in pieces of so many frames, from the first size again after the last.
std::vector<float> in_pieces(const Session& session, const mel::Mel& mel,
                             const std::vector<int>& sizes, const RenderOptions& options) {
  Stream stream(session, options);
  std::vector<float> audio, buffer(200);
  for (int at = 0, to = 0, piece = 0; at < mel.frames; at = to) {
    to = std::min(mel.frames, at + sizes[static_cast<size_t>(piece++) % sizes.size()]);
    stream.push({to - at,
                 mel.bands,
                 {mel.values.begin() + at * mel.bands, mel.values.begin() + to * mel.bands}});
    if (to == mel.frames) stream.finish();
    while (const size_t n = stream.pull(buffer))
      audio.insert(audio.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return audio;
}

// The root mean square of the difference, relative to the sound's own.
double distance(const std::vector<float>& actual, const std::vector<float>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double errors = 0, squares = 0;
  for (size_t i = 0; i < expected.size() && i < actual.size(); ++i) {
    const double error = double{actual[i]} - double{expected[i]};
    errors += error * error;
    squares += double{expected[i]} * expected[i];
  }
  return std::isnan(errors) ? INFINITY : std::sqrt(errors / squares);
}

TEST_F(CudaSampler, SoundsAsTheCpuDoes) {
  for (const flow::Model& model : models()) {
    const Session cpu(model, {.threads = 1}), gpu = on_gpu(model);
    for (const int frames : {1, 2, 13}) {
      const mel::Mel mel = mel_of(frames);
      EXPECT_LE(distance(gpu.render(mel, {.seed = 4}), cpu.render(mel, {.seed = 4})), 1e-5)
          << model.spec.model << ", " << frames << " frames";
    }
  }
}

TEST_F(CudaSampler, SixteenBitsAreCloseToFloat) {
  const mel::Mel mel = mel_of(4);
  for (const flow::Model& model : models()) {
    const std::vector<float> exact = Session(model, {.threads = 1}).render(mel, {.seed = 4});
    EXPECT_LE(distance(on_gpu(model, Precision::bf16).render(mel, {.seed = 4}), exact), 1e-2)
        << model.spec.model;
    EXPECT_LE(distance(on_gpu(model, Precision::fp16).render(mel, {.seed = 4}), exact), 2e-3)
        << model.spec.model;
  }
}

void expect_pieces(const flow::Model& model, Precision precision, int frames,
                   const std::vector<std::vector<int>>& all_sizes) {
  const mel::Mel mel = mel_of(frames);
  const Session gpu = on_gpu(model, precision);
  const std::vector<float> whole = gpu.render(mel, {.seed = 5, .item = 9});
  for (const std::vector<int>& sizes : all_sizes)
    EXPECT_EQ(in_pieces(gpu, mel, sizes, {.seed = 5, .item = 9}), whole)
        << model.spec.model << " in pieces of " << sizes.front();
}

TEST_F(CudaSampler, PiecesGiveTheBitsOfTheWhole) {
  for (const flow::Model& model : {support::small_waveglow(), support::small_compact()}) {
    expect_pieces(model, Precision::fp32, 11, {{1}, {2}, {3}, {11}});
    expect_pieces(model, Precision::bf16, 4, {{3}});
  }
}

TEST_F(CudaSampler, PiecesOfAnySizesGiveTheBitsOfTheWhole) {
  for (const flow::Model& model : models_that_stream())
    expect_pieces(model, Precision::fp32, 7, {{2, 1, 4}});
}

TEST_F(CudaSampler, CompanyChangesNoBit) {
  for (const flow::Model& model : models()) {
    const Session gpu = on_gpu(model);
    std::vector<mel::Mel> mels;
    std::vector<RenderOptions> options;
    for (const int frames : {5, 1, 8}) {
      mels.push_back(mel_of(frames, 40 + static_cast<unsigned>(frames)));
      options.push_back({.seed = 6, .item = static_cast<uint64_t>(frames)});
    }
    const auto together = gpu.render(mels, options);
    for (size_t i = 0; i < mels.size(); ++i)
      EXPECT_EQ(together[i], gpu.render(mels[i], options[i])) << model.spec.model << ", " << i;
  }
}

TEST_F(CudaSampler, GivenNoiseIsTaken) {
  const mel::Mel mel = mel_of(6);
  for (const flow::Model& model : models()) {
    const Session cpu(model, {.threads = 1}), gpu = on_gpu(model);
    const size_t size = static_cast<size_t>(cpu.z_channels()) * cpu.z_positions(mel.frames);
    RenderOptions options;
    options.z = support::random_values(size, 1, 77);
    const std::vector<float> whole = gpu.render(mel, options);
    EXPECT_LE(distance(whole, cpu.render(mel, options)), 1e-5) << model.spec.model;
    if (!gpu.streams()) continue;
    EXPECT_EQ(in_pieces(gpu, mel, {2}, options), whole) << model.spec.model;
  }
}

TEST_F(CudaSampler, ADeviceIsChosenByItsName) {
  const flow::Model model = support::small_compact();
  const mel::Mel mel = mel_of(9);
  const auto named = [&](const flow::Model& m, const std::string& device) {
    return Session(m, {.threads = 1, .sampler = cuda::sampler_on(device, Precision::fp32)});
  };
  const Session cpu = named(model, "cpu");
  EXPECT_EQ(cpu.device(), "cpu");
  EXPECT_FALSE(cpu.on_gpu());
  const std::vector<float> expected = on_gpu(model).render(mel);
  for (const char* device : {"cuda", "cuda:0", "auto"}) {
    const Session gpu = named(model, device);
    EXPECT_EQ(gpu.device(), cuda::find_gpus().names.at(0)) << device;
    EXPECT_EQ(gpu.render(mel), expected) << device;
  }
  EXPECT_EQ(support::thrown_by([&] { cuda::sampler_on("cuda:99", Precision::fp32); }).code(),
            "gpu-missing");
}

TEST_F(CudaSampler, AutoIsTheCpuForAModelThatNoGpuCanTake) {
  flow::Spec spec = support::small_waveglow().spec;
  spec.steps.back()["net"] = {{"kind", "mlp"}, {"inputs", 2}, {"outputs", 4},
                              {"channels", 4}, {"layers", 1}, {"condition", 64}};
  const flow::Model model = made_up_model(spec);
  const mel::Mel mel = mel_of(9);
  const auto on = [&](const std::string& device, Precision precision) {
    return Session(model, {.threads = 1, .sampler = cuda::sampler_on(device, precision)});
  };
  const Session chosen = on("auto", Precision::fp32);
  EXPECT_EQ(chosen.device(), "cpu");
  EXPECT_EQ(chosen.render(mel), Session(model, {.threads = 1}).render(mel));
  for (const auto& [device, precision] :
       {std::pair{"cuda", Precision::fp32}, std::pair{"auto", Precision::fp16}})  // of GPUs alone
    EXPECT_EQ(support::thrown_by([&] { on(device, precision); }).code(), "cuda-part-missing");
}

// What has been freed does not count, what was there at once does.
TEST_F(CudaSampler, ItsMemoryIsCounted) {
  const flow::Model model = support::small_compact();
  cuda::reset_peak_bytes();
  const size_t before = cuda::peak_bytes();
  size_t weights, whole;
  {
    const Session gpu = on_gpu(model);
    weights = cuda::peak_bytes();
    gpu.render(mel_of(20));
    whole = cuda::peak_bytes();
  }
  EXPECT_LT(before, weights);
  EXPECT_LT(weights, whole);
  EXPECT_EQ(cuda::peak_bytes(), whole);
  cuda::reset_peak_bytes();
  EXPECT_EQ(cuda::peak_bytes(), before);
}

// Through the C interface: the session's bits, whole and streamed.
TEST_F(CudaSampler, TheLibraryRendersThereToo) {
  const support::TempFolder folder;
  const std::string path = folder / "voice.safetensors";
  const flow::Model model = support::small_compact();
  flow::write_model(path, model.spec, model.tensors);
  const mel::Mel mel = mel_of(11);
  const std::vector<float> expected = on_gpu(model, Precision::fp16).render(mel);
  api::Model voice(path, {.threads = 1, .precision = FLUVOX_FP16, .device = "cuda"});
  EXPECT_EQ(voice.device(), cuda::find_gpus().names.at(0));
  EXPECT_EQ(voice.render(mel.values), expected);
  api::Stream stream(voice);
  std::vector<float> audio(expected.size());
  size_t made = 0;
  for (int at = 0; at < mel.frames; ++at) {
    stream.push(mel.part(at, 1).values);
    if (at + 1 == mel.frames) stream.finish();
    made += stream.pull(std::span(audio).subspan(made));
  }
  EXPECT_EQ(made, audio.size());
  EXPECT_EQ(audio, expected);
}

// A series begins with nothing behind it, whoever used the memory before.
TEST_F(CudaSampler, AStreamLeavesNothingToTheNext) {
  for (const flow::Model& model : models_that_stream()) {
    const Session gpu = on_gpu(model);
    const mel::Mel mel = mel_of(3), other = mel_of(2, 8);
    const std::vector<float> alone = in_pieces(gpu, mel, {2}, {.seed = 1});
    {
      Stream left(gpu, {.seed = 3});  // in the middle
      left.push(other);
      std::vector<float> some(8);
      left.pull(some);
    }
    EXPECT_EQ(in_pieces(gpu, mel, {2}, {.seed = 1}), alone) << model.spec.model;
  }
}

TEST_F(CudaSampler, TakesEveryModelOfTheRegistry) {
  for (const models::Architecture& architecture : models::architectures())
    EXPECT_NO_THROW(on_gpu(made(architecture.name))) << architecture.name;
}

TEST_F(CudaSampler, APartWithoutCudaBodyIsNamed) {
  flow::Model model = support::small_waveglow();
  Json& net = model.spec.steps.back()["net"];
  net = {{"kind", "mlp"}};
  const flow::ConditionShape shape{
      .bands = 8, .frame_samples = 16, .row_samples = 8, .channels = 64};
  const Error error = support::thrown_by([&] { cuda::make_sampler(model, shape); });
  EXPECT_EQ(error.code(), "cuda-part-missing");
  EXPECT_THAT(error.what(), testing::HasSubstr("'mlp'"));
  EXPECT_THAT(error.what(), testing::HasSubstr("--device cpu"));
}

#if defined(FLUVOX_EMULATION)

// The device's memory, for a while: what is taken now and so much more.
class LittleMemory {
 public:
  explicit LittleMemory(size_t bytes) { emulation::memory_bytes = emulation::memory_taken + bytes; }
  ~LittleMemory() { emulation::memory_bytes = std::numeric_limits<size_t>::max(); }
};

TEST_F(CudaSampler, WantOfMemoryHalvesAndChangesNoBit) {
  for (const flow::Model& model :
       {support::small_waveglow(), support::small_compact(), made("glow"), made("maf")}) {
    const mel::Mel mel = mel_of(10 * Session(model).z_channels());  // 160 positions
    const std::vector<float> expected = on_gpu(model).render(mel, {.seed = 8});
    const size_t before = emulation::memory_taken;
    size_t whole;
    {
      const Session gpu = on_gpu(model);
      const size_t weights = emulation::memory_taken;
      gpu.render(mel, {.seed = 8});
      whole = emulation::memory_taken - weights;  // what the work takes beside them
    }
    EXPECT_EQ(emulation::memory_taken, before);
    const auto with = [&](size_t bytes) {
      const Session gpu = on_gpu(model);
      const LittleMemory little(bytes);
      return gpu.render(mel, {.seed = 8});
    };
    EXPECT_EQ(with(whole - 1), expected) << model.spec.model;
    EXPECT_EQ(with(whole / 2), expected) << model.spec.model;
    EXPECT_EQ(support::thrown_by([&] { with(1000); }).code(), "cuda-memory");
  }
}

// Of two there is room for one: they come one after the other. One by itself is not cut.
TEST_F(CudaSampler, WhereNothingStreamsOnlyBatchesAreHalved) {
  const flow::Model model = made_waveflow();
  const std::vector<mel::Mel> mels = {mel_of(20), mel_of(18, 4)};
  const std::vector<RenderOptions> options = {{.seed = 8}, {.seed = 9}};
  const auto expected = on_gpu(model).render(mels, options);
  const Session measured = on_gpu(model), gpu = on_gpu(model);
  const size_t before = emulation::memory_taken;
  measured.render(mels[0], options[0]);
  const size_t alone = emulation::memory_taken - before;
  {
    const LittleMemory little(alone);
    EXPECT_EQ(gpu.render(mels, options), expected);
  }
  const Session other = on_gpu(model);
  const LittleMemory less(alone - 1);
  EXPECT_EQ(support::thrown_by([&] { other.render(mels[0], options[0]); }).code(), "cuda-memory");
}

TEST_F(CudaSampler, WeightsThatDoNotFitAreAnError) {
  const LittleMemory little(100);
  EXPECT_THROW(on_gpu(support::small_compact()), Error);
}

#endif

}  // namespace
}  // namespace fluvox::runtime
