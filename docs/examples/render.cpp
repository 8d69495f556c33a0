// The same as render.c by the C++ header, whole and streamed, and holds the two against each other.
//
//   render_cpp MODEL MEL NAME > samples.f32
#include <algorithm>
#include <cstdio>
#include <fluvox/fluvox.hpp>
#include <fstream>
#include <iterator>

namespace {

std::vector<float> read_floats(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  return values;
}

std::vector<float> streamed(const fluvox::api::Model& voice, std::span<const float> mel,
                            fluvox::api::RenderOptions options) {
  fluvox::api::Stream stream(voice, options);
  std::vector<float> audio, piece(1000);
  const auto bands = static_cast<std::size_t>(voice.facts().bands);
  while (!stream.ended()) {
    const auto some = mel.first(std::min(mel.size(), 7 * bands));
    stream.push(some);
    mel = mel.subspan(some.size());
    if (mel.empty()) stream.finish();
    while (const std::size_t count = stream.pull(piece))
      audio.insert(audio.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return audio;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: render_cpp MODEL MEL NAME > samples.f32\n");
    return FLUVOX_USAGE;
  }
  try {
    const fluvox::api::Model voice(argv[1], {.threads = 2});
    const std::vector<float> mel = read_floats(argv[2]);
    const fluvox::api::RenderOptions options{.seed = 1, .item = fluvox::api::item_of(argv[3])};
    const std::vector<float> audio = voice.render(mel, options);
    if (streamed(voice, mel, options) != audio) throw std::logic_error("streamed and whole differ");
    std::fwrite(audio.data(), sizeof(float), audio.size(), stdout);
    return 0;
  } catch (const fluvox::api::Error& error) {
    std::fprintf(stderr, "%s (%s)\n", error.what(), error.code().c_str());
    return error.status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
