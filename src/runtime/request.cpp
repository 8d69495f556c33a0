#include "runtime/request.h"

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>

#include "core/base64.h"
#include "core/strict_json.h"

namespace fluvox::runtime {
namespace {

constexpr size_t kMostIdBytes = 256;
constexpr int kMostChunk = 4096;  // frames

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Fault::input, "request-invalid", "request: " + what);
}

struct RenderLine {
  std::string id, input, mel_base64, name, encoding = "s16";
  Json mel;
  uint64_t seed = 0;
  double sigma = 0;
  int chunk = 0;
};

template <class Visitor>
void fields(Visitor& v, RenderLine& line) {
  v("id", line.id, "by which every answer names the request");
  v("input", line.input, "a mel file or recording");
  v("mel", line.mel, "frames of a mel");
  v("mel_base64", line.mel_base64, "the same as float32");
  v("name", line.name, "whose noise it is");
  v("seed", line.seed, "of the noise");
  v("sigma", line.sigma, "scale of the noise", Range{0, 10});
  v("chunk", line.chunk, "frames a message", Range{0, kMostChunk});
  v("encoding", line.encoding, "of the samples", OneOf{"s16", "s24", "f32"});
}

struct CancelLine {
  std::string cancel;
};
template <class Visitor>
void fields(Visitor& v, CancelLine& line) {
  v("cancel", line.cancel, "the id");
}

struct QuitLine {
  bool quit = false;
};
template <class Visitor>
void fields(Visitor& v, QuitLine& line) {
  v("quit", line.quit, "true");
}

template <class Line>
Line read(const Json& json) {
  try {
    return from_json<Line>(json, "");
  } catch (const Error& error) {
    refuse(error.what());
  }
}

void check_id(const std::string& id) {
  if (id.empty() || id.size() > kMostIdBytes)
    refuse(text("expected an id of 1 to ", kMostIdBytes, " bytes, found ", id.size()));
}

void read_frames(const Json& frames, Request& request) {
  const auto bad = [](const std::string& found) {
    refuse("mel: expected a list of frames, each a list of as many numbers, found " + found);
  };
  if (!frames.is_array() || frames.empty()) bad(frames.is_array() ? "none" : frames.type_name());
  for (const Json& frame : frames) {
    if (!frame.is_array() || frame.empty()) bad("a frame that is none");
    if (request.bands == 0) request.bands = frame.size();
    if (frame.size() != request.bands)
      bad(text("frames of ", request.bands, " and of ", frame.size()));
    for (const Json& value : frame) {
      if (!value.is_number()) bad(text("a ", value.type_name(), " among them"));
      const auto number = value.get<double>();
      if (!(std::abs(number) <= std::numeric_limits<float>::max()))
        bad(text("the number ", number));
      request.mel.push_back(static_cast<float>(number));
    }
  }
}

void read_base64(const std::string& source, Request& request) {
  const std::vector<std::byte> bytes = from_base64(source, "request: mel_base64");
  if (bytes.empty() || bytes.size() % 4 != 0)
    refuse(
        text("mel_base64: expected float32 values, 4 bytes each, found ", bytes.size(), " bytes"));
  for (size_t i = 0; i < bytes.size(); i += 4) {
    uint32_t word = 0;
    for (size_t k = 4; k-- > 0;) word = word << 8 | std::to_integer<uint32_t>(bytes[i + k]);
    request.mel.push_back(std::bit_cast<float>(word));
  }
}

}  // namespace

Request parse_request(std::string_view line, std::string& id) {
  if (line.size() > kMostRequestBytes)
    throw Error(Fault::input, "request-too-long",
                text("request: expected a line of at most ", kMostRequestBytes,
                     " bytes, found more: give a long mel as a file"));
  const Json json = parse_json(line, "request");
  if (!json.is_object()) refuse("expected an object, {...}");
  Request request;
  if (json.contains("cancel")) {
    request.kind = Request::Kind::cancel;
    id = request.id = read<CancelLine>(json).cancel;
    check_id(id);
    return request;
  }
  if (json.contains("quit")) {
    request.kind = Request::Kind::quit;
    if (!read<QuitLine>(json).quit) refuse("expected \"quit\": true");
    return request;
  }
  const auto named = json.find("id");
  if (named == json.end() || !named->is_string())
    refuse("expected \"id\", a string by which the answers name the request");
  check_id(named->get<std::string>());
  id = request.id = named->get<std::string>();
  RenderLine given = read<RenderLine>(json);
  const bool input = json.contains("input"), frames = json.contains("mel"),
             base64 = json.contains("mel_base64");
  if (input + frames + base64 != 1)
    refuse(text("expected one of \"input\", \"mel\" and \"mel_base64\", found ",
                input + frames + base64, " of them"));
  if (input && given.input.empty()) refuse("input: expected the name of a file, found nothing");
  request.input = given.input;
  if (frames) read_frames(given.mel, request);
  if (base64) read_base64(given.mel_base64, request);
  request.name = json.contains("name") ? given.name
                 : input               ? std::filesystem::path(given.input).stem().string()
                                       : request.id;
  if (json.contains("seed")) request.seed = given.seed;
  if (json.contains("sigma")) request.sigma = given.sigma;
  if (json.contains("encoding")) request.encoding = given.encoding;
  request.chunk = given.chunk;
  return request;
}

}  // namespace fluvox::runtime
