// A model ready to work, as the commands that use one need it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "cli/common.h"
#include "runtime/session.h"

namespace fluvox::cli {

// The file of -m or, without it, the voice in the box: share/fluvox/models of an installation,
// models/pretrained of the source tree that the program was built in.
std::filesystem::path model_path(const Flags& flags);
runtime::SessionOptions session_options(const Flags& flags);
// sha256: where to put that of the model, for those who ask.
std::unique_ptr<runtime::Session> open_session(const Flags& flags, std::string* sha256 = nullptr);

// The mel of an input: a .npy or .pt is read as one (cli/mel_input.h), anything else is a recording
// that is analysed in the model's own convention, all of it at once.
mel::MelSource open_input(const std::string& input, const runtime::Session& session,
                          const Flags& flags);
mel::Mel mel_of_input(const std::string& input, const runtime::Session& session,
                      const Flags& flags);

// What to render an input with: noise from --noise, or of the seed and the input's name (without
// folder and ending), so that neither order nor company changes what it becomes.
runtime::RenderOptions render_options(const std::string& input, const runtime::Session& session,
                                      int frames, const Flags& flags);

inline constexpr int kPieceFrames = 64;  // that suit any machine

// Renders a mel and hands the samples on as they are made: all that is held is a moment of either.
// In pushes of `chunk` frames; 0: of kPieceFrames, and a model that needs the whole utterance, or a
// GPU, gets it.
void render_as_made(const runtime::Session& session, const mel::MelSource& mel,
                    const runtime::RenderOptions& options, int chunk,
                    const std::function<void(std::span<const float>)>& sink);

}  // namespace fluvox::cli
