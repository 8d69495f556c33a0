// Mel files: a .npy array, and beside it `<file>.json`, the sidecar that says in which convention
// it is.
//   {"fluvox_mel": 1, "convention": {...}}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "mel/mel.h"
#include "mel/npy.h"

namespace fluvox::mel {

// How an array is to be read: `automatic` tells bands from frames by their number.
enum class Layout { automatic, bands_frames, frames_bands };
Layout layout(std::string_view name);  // auto | bands-frames | frames-bands

// (bands, T), (T, bands), or either with a leading 1. Where T equals bands, `automatic` is refused.
Mel mel_of_array(const NpyArray& array, int bands, Layout layout, const std::string& where);

// The mel at `path` in the convention `wanted`, its frames read from the file when they are asked
// for, and refused then where their values are. A sidecar in another convention leads to an exact
// conversion or a refusal that names the difference; without a sidecar the file is taken to be in
// `wanted`.
MelSource open_mel(const std::filesystem::path& path, const Convention& wanted,
                   Layout layout = Layout::automatic);

// The same for an array that was read from `path` in another way: a .pt has its sidecar too.
MelSource open_mel(const NpySource& array, const std::filesystem::path& path,
                   const Convention& wanted, Layout layout = Layout::automatic);

// The whole of it.
Mel read_mel(const std::filesystem::path& path, const Convention& wanted,
             Layout layout = Layout::automatic);

// The array in the convention's own layout, and the sidecar (none beside a device or a pipe). Both
// are atomic, and at no moment does a sidecar stand beside an array that it does not describe.
void write_mel(const std::filesystem::path& path, const Mel& mel, const Convention& c);

// The convention in the sidecar of `path`, or nothing when there is no sidecar.
std::optional<Convention> read_sidecar(const std::filesystem::path& path);

}  // namespace fluvox::mel
