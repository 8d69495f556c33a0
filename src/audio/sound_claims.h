// What a sound file says it holds, against the bytes that are there. libsndfile takes a file that
// was cut short for a shorter one, so the containers' own words are read here: the data chunk of
// WAV (RIFF, RIFX, RF64), AIFF and Wave64, the header of AU, the stream size in the first frame of
// an MP3, and the last page of an Ogg stream. (FLAC states its length to libsndfile, which is
// compared there.)
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace fluvox::audio {

// What is missing, as the end of a sentence ("its data chunk claims 4 bytes, 2 are there"); nothing
// when the file is whole, or of a kind that cannot tell. A WAV whose data chunk claims 0x7FFFF000
// bytes or more was written to a pipe without knowing its length: there the file's size is right.
std::optional<std::string> missing_part(std::span<const std::byte> file);

}  // namespace fluvox::audio
