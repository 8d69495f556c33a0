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
                 const mel::Convention& convention, net::Margins margins, const GivenMels* mels)
    : corpus_(corpus), settings_(settings), mels_(mels), analyser_(convention), margins_(margins) {
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
  append_mel(mel, begin, first, in_clip, segment.mel);
  return segment;
}

Batches::Segment Batches::crop(const std::vector<int16_t>& clip, int first,
                               const mel::Mel& given) const {
  const int hop = analyser_.convention().hop;
  Segment segment;
  for (int64_t i = int64_t{first} * hop; i < int64_t{first + settings_.frames} * hop; ++i)
    segment.samples.push_back(static_cast<float>(clip[static_cast<size_t>(i)]) / 32768.0f);
  const int in_clip = std::min(static_cast<int>(clip.size()) / hop, given.frames);
  append_mel(given, 0, first, in_clip, segment.mel);
  return segment;
}

void Batches::append_mel(const mel::Mel& mel, int begin, int first, int frames_in_clip,
                         std::vector<float>& rows) const {
  const auto bands = static_cast<size_t>(mel.bands);
  for (int t = first - margins_.left; t < first + settings_.frames + margins_.right; ++t) {
    const bool beyond = t < 0 || t >= frames_in_clip;
    if (beyond && margins_.beyond == net::Margins::Beyond::zeros) {
      rows.insert(rows.end(), bands, 0.0f);
    } else {
      const auto frame = mel.frame(std::clamp(t, 0, frames_in_clip - 1) - begin);
      rows.insert(rows.end(), frame.begin(), frame.end());
    }
  }
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
    const mel::Mel* given = mels_ ? mels_->of_clip(clip) : nullptr;
    const int in_clip = frames_of(corpus_.clips[clip], analyser_.convention().hop, given);
    const auto first = static_cast<int>(draw.below(in_clip - settings_.frames + 1));
    const bool changed = draw.uniform() < settings_.augment;
    segment =
        given ? crop(samples, first, *given) : crop(samples, first, changed ? &change : nullptr);
    if (rms(segment.samples) > 1e-4) break;
  }
  // 16-bit audio is a density only once it is spread over its steps.
  Random spread(settings_.seed, s, place, kDequantise);
  for (float& x : segment.samples) x += static_cast<float>((spread.uniform() - 0.5) / 32768);
  return segment;
}

Batch Batches::at(int64_t step, int first, int count) const {
  const int64_t frames = settings_.frames, hop = analyser_.convention().hop,
                bands = analyser_.convention().bands;
  const int64_t wide = margins_.left + frames + margins_.right;
  Batch batch{torch::empty({count, frames * hop}), torch::empty({count, wide, bands})};
  for (int slot = 0; slot < count; ++slot) {
    const Segment one = segment(step, first + slot);
    std::copy(one.samples.begin(), one.samples.end(), batch.audio[slot].data_ptr<float>());
    std::copy(one.mel.begin(), one.mel.end(), batch.mel[slot].data_ptr<float>());
  }
  batch.mel = batch.mel.transpose(1, 2).contiguous();
  return batch;
}

}  // namespace fluvox::train
