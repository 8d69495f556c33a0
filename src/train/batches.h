// Random segments, aligned to frames, with the mel that synthesis would have had there.
//
// The segment is a crop of F frames. Its mel, margins included, is taken from a wider region of the
// (augmented) clip, so that every frame is what the analysis of the whole clip gives; where the
// margin reaches beyond the clip's ends it holds what synthesis puts there (net/net.h). Frames are
// those of whole hops: floor(n / hop). Everything is keyed by (seed, step, slot).
#pragma once

#include <torch/torch.h>

#include "flow/spec.h"
#include "mel/mel.h"
#include "net/net.h"
#include "train/config.h"
#include "train/corpus.h"
#include "train/given_mels.h"
#include "train/random.h"

namespace fluvox::train {

struct Batch {
  torch::Tensor audio;  // [batch, frames * hop], dequantised
  torch::Tensor mel;    // [batch, bands, left + frames + right]
};

class Batches {
 public:
  Batches(const Corpus& corpus, const TrainSettings& settings, const mel::Convention& convention,
          net::Margins margins, const GivenMels* mels = nullptr);

  // Of a step's slots, `count` from `first` on.
  Batch at(int64_t step, int first, int count) const;

  // One segment: `samples` of it and `mel` [left + frames + right][bands]
  struct Segment {
    std::vector<float> samples;
    std::vector<float> mel;
  };
  Segment segment(int64_t step, int slot) const;
  Segment crop(const std::vector<int16_t>& clip, int first_frame, Random* augmentation) const;
  // With a mel that is given; the audio is as it is.
  Segment crop(const std::vector<int16_t>& clip, int first_frame, const mel::Mel& given) const;

 private:
  // The mel of frames first - left .. first + frames + right of a clip of `frames_in_clip`; frame 0
  // of `mel` is frame `begin` of the clip.
  void append_mel(const mel::Mel& mel, int begin, int first, int frames_in_clip,
                  std::vector<float>& rows) const;

  const Corpus& corpus_;
  const TrainSettings& settings_;
  const GivenMels* mels_;
  mel::Analyser analyser_;
  net::Margins margins_;
  std::vector<double> cumulative_;  // weights of the clips, to draw by
};

}  // namespace fluvox::train
