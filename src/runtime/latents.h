// z of a recording, kept with all that turns it back into the recording: its mel, and its length to
// the sample. The flow is a bijection, so encode then decode gives the audio up to the rounding of
// float; 16-bit samples come back as they were.
//
//   Latents kept = encode(session, audio);
//   write_latents("speech.safetensors", kept);
//   std::vector<float> audio = decode(session, read_latents("speech.safetensors"));
//
// The file is a .safetensors with two tensors, z [channels, positions] in canonical order and mel
// [bands, frames], and in its metadata, under "fluvox_latents":
//   {"format": 1, "samples": 41234, "model": "compact", "model_sha256": "...", "mel": {...}}
// where mel is the whole convention, its sample rate included.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mel/convention.h"
#include "mel/mel.h"
#include "runtime/session.h"

namespace fluvox::runtime {

struct Latents {
  int channels = 0, positions = 0;
  std::vector<float> z;  // [channels][positions]
  mel::Mel mel = {};
  mel::Convention convention = {};  // of mel
  size_t samples = 0;               // of the recording; the last frame may hold fewer than a hop
  std::string model, model_sha256 = {};  // whose z it is, as far as it is known
};

// The last frame is filled up with zeros. The mel is that of the audio so filled, unless one is
// given: of as many frames, or one more, as `fluvox mel` makes where the length is a whole number
// of hops.
Latents encode(const Session& session, std::span<const float> audio,
               const std::optional<mel::Mel>& mel = {});
// Refuses latents whose z or mel is not of the session's model.
std::vector<float> decode(const Session& session, const Latents& latents);

Latents read_latents(const std::filesystem::path& path);
void write_latents(const std::filesystem::path& path, const Latents& latents);  // atomic

// `mel` cut to `frames`: it may have one more.
mel::Mel with_frames(mel::Mel mel, int frames);

// (1 - amount) a + amount b, of z and of the mel, over as many frames as both have.
Latents between(const Latents& a, const Latents& b, double amount);

// The mean of z over time, by channel.
std::vector<double> time_mean(const Latents& latents);
// Adds one number a channel to z, at every position.
void shift(Latents& latents, std::span<const double> by);

// How far `decoded` is from `audio`: the largest difference, and how many samples are another
// number once rounded to 16 bits.
struct Fidelity {
  double max_error = 0;
  size_t differing = 0;
  double max_error_in_steps() const { return max_error * 32768; }  // of 16-bit samples
};
Fidelity fidelity(std::span<const float> audio, std::span<const float> decoded);

}  // namespace fluvox::runtime
