// Mel files as people have them: .npy, or .pt as torch.save writes one.
#pragma once

#include <string>

#include "mel/mel_file.h"

namespace fluvox::cli {

// By its ending. An .npz counts: it is refused with what to do.
bool names_mel(const std::string& path);

// In the convention `wanted`, by what the sidecar says (mel/mel_file.h). Everything is looked at
// once, a piece at a time: what must be refused is, and values plainly of another convention are
// warned about. Then the frames of a .npy are read from the file when they are asked for.
mel::MelSource open_mel_input(const std::string& path, const mel::Convention& wanted,
                              mel::Layout layout);

// The whole of it.
mel::Mel read_mel_input(const std::string& path, const mel::Convention& wanted, mel::Layout layout);

}  // namespace fluvox::cli
