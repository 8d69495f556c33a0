// A WAV header of our own, for pipes: libsndfile seeks back to fill in the sizes, which a pipe
// cannot do.
//
//   RIFF <size> WAVE | fmt <16> code, channels = 1, rate, bytes/s, block, bits | [fact <4> frames]
//   | data <size>
//
// s16 and s24 are code 1 (PCM), f32 is code 3 and carries the fact chunk. Where the length is not
// known beforehand both sizes are 0xFFFFFFFF, which readers take for "until the end of the stream".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "audio/encoding.h"

namespace fluvox::audio {

inline constexpr std::uint32_t kWavSizeUnknown = 0xFFFFFFFFu;

// The longest mono sound that the 32-bit sizes of a WAV can state.
std::uint64_t max_wav_frames(Encoding encoding);

// `frames`: the number of samples that follow, or nothing when streaming.
std::vector<std::byte> wav_header(int rate, Encoding encoding, std::optional<std::uint64_t> frames);

}  // namespace fluvox::audio
