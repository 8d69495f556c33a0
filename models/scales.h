// What the vocoders over squeezed audio have in common (NICE, RealNVP, Glow): the conditioner, the
// nets, and the multi-scale frame.
#pragma once

#include <functional>
#include <vector>

#include "core/config.h"
#include "mel/convention.h"

namespace fluvox::models {

// WaveGlow's learned upsampler, with groups of `group` samples. The published kernel is 1024 at a
// hop of 256: each sample hears the last four frames.
Json upsampler(const mel::Convention&, int group, int frames = 4);

// A place in the flow: so many channels, of which a row stands for so many samples of audio.
struct Place {
  int channels, samples;
};

// A WN that sees half the channels and the condition, folded to rows of the place.
Json wn_at(const Place&, int outputs, int channels, int layers, const mel::Convention&);

// Squeeze by `group`; steps_at(place); then, for each scale more, half the channels leave, the rest
// is squeezed by 2, and steps_at again.
std::vector<Json> multi_scale(int group, int scales,
                              const std::function<std::vector<Json>(const Place&)>& steps_at);

}  // namespace fluvox::models
