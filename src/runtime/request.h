// What a client asks a server of the model for: one line of JSON, from whoever may write to it.
//
//   {"id": "a", "input": "speech.npy", "seed": 1}       a mel file or a recording, to be rendered
//   {"id": "b", "mel": [[-4.1, ...], ...]}              frames of the mel, each its bands
//   {"id": "c", "mel_base64": "AACAv..."}               the same as float32, lowest byte first
//   {"cancel": "a"}                                     ends that rendering, or takes it off the
//                                                       list
//   {"quit": true}                                      no more requests; those before it are done
//
// All but id and one of the three mels may be left out: name (whose noise it is; the input's
// without folder and ending, or the id), seed, sigma, chunk (frames a message, 0: as it suits),
// encoding (s16, s24 or f32).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluvox::runtime {

inline constexpr size_t kMostRequestBytes = size_t{4} << 20;  // of a line

struct Request {
  enum class Kind { render, cancel, quit };
  Kind kind = Kind::render;
  std::string id;  // of what is rendered, or to be cancelled

  std::string input;       // a file, or empty
  std::vector<float> mel;  // [frames][bands] without an input
  size_t bands = 0;        // of mel; 0: not said
  std::string name;
  std::optional<uint64_t> seed;
  std::optional<double> sigma;
  int chunk = 0;
  std::string encoding;  // empty: not said
};

// Refuses by name what it does not know. `id` is filled in as soon as it is known, so that a
// refusal can go to whom it concerns.
Request parse_request(std::string_view line, std::string& id);

}  // namespace fluvox::runtime
