#include "train/batches.h"

#include <algorithm>
#include <cmath>

#include "train/augment.h"

namespace fluvox::train {
namespace {

enum Purpose : uint32_t { kCrop = 1, kAugment = 2, kDequantise = 3 };
constexpr int kAttempts = 16;  // a silent crop is drawn again

double rms(const std::vector<float>& samples) {
  double power = 0;
  for (float x : samples) power += static_cast<double>(x) * x;
  return std::sqrt(power / static_cast<double>(samples.size()));
}

}  // namespace

Batches::Batches(const Corpus& corpus, const TrainSettings& settings,
                 const mel::Convention& convention, net::Margins margins)
    : corpus_(corpus), settings_(settings), analyser_(convention), margins_(margins) {
  double sum = 0;
  for (double weight : corpus.weights) cumulative_.push_back(sum += weight);
}

Batches::Segment Batches::crop(const std::vector<int16_t>& clip, int first,
                               Random* augmentation) const {
  const mel::Convention& c = analyser_.convention();
  const int hop = c.hop, frames = settings_.frames, in_clip = static_cast<int>(clip.size()) / hop;
  // Frames of the region whose windows lie within it: those `reach` away from its ends, or at the
  // clip's own.
  const int reach = (c.fft / 2 + hop - 1) / hop + 1;
  const int begin = std::max(0, first - margins_.left - reach);
  const int wanted = (first + frames + margins_.right + reach + 1) * hop;
  const int end = std::min(static_cast<int>(clip.size()), wanted);
  std::vector<float> region(static_cast<size_t>(end - begin * hop));
  for (size_t i = 0; i < region.size(); ++i)
    region[i] = static_cast<float>(clip[static_cast<size_t>(begin) * hop + i]) / 32768.0f;
  if (augmentation) augment(region, c.sample_rate, *augmentation);

  const mel::Mel mel = analyser_.analyse(region);
  Segment segment;
  const auto start = region.begin() + static_cast<std::ptrdiff_t>(first - begin) * hop;
  segment.samples.assign(start, start + static_cast<std::ptrdiff_t>(frames) * hop);
  const auto bands = static_cast<size_t>(c.bands);
  for (int t = first - margins_.left; t < first + frames + margins_.right; ++t) {
    const bool beyond = t < 0 || t >= in_clip;
    if (beyond && margins_.beyond == net::Margins::Beyond::zeros) {
      segment.mel.insert(segment.mel.end(), bands, 0.0f);
    } else {
      const auto frame = mel.frame(std::clamp(t, 0, in_clip - 1) - begin);
      segment.mel.insert(segment.mel.end(), frame.begin(), frame.end());
    }
  }
  return segment;
}

Batches::Segment Batches::segment(int64_t step, int slot) const {
  const auto s = static_cast<uint64_t>(step);
  const auto place = static_cast<uint32_t>(slot);
  Random draw(settings_.seed, s, place, kCrop), change(settings_.seed, s, place, kAugment);
  Segment segment;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double at = draw.uniform() * cumulative_.back();
    const auto clip = static_cast<size_t>(
        std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, at) - cumulative_.begin());
    const auto& samples = corpus_.clips[clip].samples;
    const int in_clip = static_cast<int>(samples.size()) / analyser_.convention().hop;
    const auto first = static_cast<int>(draw.below(in_clip - settings_.frames + 1));
    const bool changed = draw.uniform() < settings_.augment;
    segment = crop(samples, first, changed ? &change : nullptr);
    if (rms(segment.samples) > 1e-4) break;
  }
  // 16-bit audio is a density only once it is spread over its steps.
  Random spread(settings_.seed, s, place, kDequantise);
  for (float& x : segment.samples) x += static_cast<float>((spread.uniform() - 0.5) / 32768);
  return segment;
}

Batch Batches::at(int64_t step) const {
  const int64_t frames = settings_.frames, hop = analyser_.convention().hop,
                bands = analyser_.convention().bands;
  const int64_t wide = margins_.left + frames + margins_.right;
  Batch batch{torch::empty({settings_.batch, frames * hop}),
              torch::empty({settings_.batch, wide, bands})};
  for (int slot = 0; slot < settings_.batch; ++slot) {
    const Segment one = segment(step, slot);
    std::copy(one.samples.begin(), one.samples.end(), batch.audio[slot].data_ptr<float>());
    std::copy(one.mel.begin(), one.mel.end(), batch.mel[slot].data_ptr<float>());
  }
  batch.mel = batch.mel.transpose(1, 2).contiguous();
  return batch;
}

}  // namespace fluvox::train
