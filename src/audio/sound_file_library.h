// What reading and writing share of libsndfile. Included by sound_file_*.cpp only.
#pragma once

#include <sndfile.h>

#include <memory>
#include <string>

namespace fluvox::audio {

struct CloseSndFile {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SndFile = std::unique_ptr<SNDFILE, CloseSndFile>;

// Null, and the reason, where libsndfile refuses.
SndFile open_sound(SF_VIRTUAL_IO& io, int mode, SF_INFO& info, void* user, std::string& reason);

}  // namespace fluvox::audio
