// fluvox-rendering: how long a model takes to render, as `fluvox bench` measures it, and whether
// its sound is the right one; a JSON line for each piece of work, on stdout.
//   fluvox-rendering MODEL SETTINGS DEVICE PRECISION WORK...
//   fluvox-rendering waveglow '{"preset": "256"}' cuda bf16 8x689 1x86 1x256/1 check:86
// MODEL is one of the registry, with random weights and SETTINGS, or a model file. WORK is
// UTTERANCESxFRAMES, rendered together; 1xFRAMES/CHUNK, a stream that gets so many frames at a
// time; or check:FRAMES, the sound beside the CPU's in float32, and whole, streamed and in company.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "cli/bench_model.h"
#include "cli/processor.h"
#include "core/error.h"
#include "models/registry.h"
#include "runtime/stream.h"

namespace fluvox {
namespace {

[[noreturn]] void refuse(std::string_view word) {
  throw Error(Fault::usage, "usage",
              text("expected 8x689, 1x256/1, check:86 or the like, found ", word));
}

// The number that `word` begins with, which is taken off it.
int number_of(std::string_view& word, std::string_view whole) {
  int number = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
  if (read.ec != std::errc() || number < 1) refuse(whole);
  word.remove_prefix(static_cast<size_t>(read.ptr - word.data()));
  return number;
}

bool take(std::string_view& word, std::string_view what) {
  if (!word.starts_with(what)) return false;
  word.remove_prefix(what.size());
  return true;
}

std::vector<float> streamed(const runtime::Session& session, const mel::Mel& mel, int chunk) {
  runtime::Stream stream(session);
  std::vector<float> audio(static_cast<size_t>(mel.frames) * session.convention().hop);
  size_t made = 0;
  for (int at = 0; at < mel.frames; at += chunk) {
    const int count = std::min(chunk, mel.frames - at);
    stream.push(mel.part(at, count));
    if (at + count == mel.frames) stream.finish();
    while (const size_t fresh = stream.pull(std::span(audio).subspan(made))) made += fresh;
  }
  audio.resize(made);
  return audio;
}

Json check(const flow::Model& model, const cli::BenchSettings& settings) {
  const runtime::Session here(model), there(model, settings.session);
  const mel::Mel mel = cli::made_up_mel(settings.frames, there.convention().bands);
  const std::vector<float> expected = here.render(mel), found = there.render(mel);
  double errors = 0, squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = double{found[i]} - double{expected[i]};
    errors += error * error;
    squares += double{expected[i]} * expected[i];
  }
  const std::vector<mel::Mel> company = {mel.part(0, (mel.frames + 1) / 2), mel};
  const bool in_company = there.render(company, std::vector<runtime::RenderOptions>(2))[1] == found;
  Json result = {{"check", settings.frames},
                 {"model", model.spec.model},
                 {"precision", settings.precision},
                 {"distance_from_cpu", std::sqrt(errors / squares)},
                 {"the_same_in_company", in_company}};
  if (there.streams()) result["the_same_streamed"] = streamed(there, mel, 3) == found;
  return result;
}

flow::Model model_of(const std::string& name, const Json& settings) {
  if (std::filesystem::path(name).has_extension()) return flow::read_model(name);
  return runtime::made_up_model(
      models::architecture(name).build(settings, mel::convention("tacotron2")));
}

void run(int count, char** words) {
  if (count < 6)
    throw Error(Fault::usage, "usage", "expected MODEL SETTINGS DEVICE PRECISION WORK...");
  cli::BenchSettings settings;
  settings.precision = words[4];
  settings.session = cli::options_for(words[3], settings.precision, 0);
  const flow::Model model = model_of(words[1], Json::parse(words[2]));
  for (int i = 5; i < count; ++i) {
    const std::string_view whole = words[i];
    std::string_view word = whole;
    settings.chunk = 0;
    Json line;
    if (take(word, "check:")) {
      settings.frames = number_of(word, whole);
      if (!word.empty()) refuse(whole);
      line = check(model, settings);
    } else {
      settings.utterances = number_of(word, whole);
      if (!take(word, "x")) refuse(whole);
      settings.frames = number_of(word, whole);
      if (take(word, "/")) settings.chunk = number_of(word, whole);
      if (!word.empty()) refuse(whole);
      line = cli::bench_model(model, settings);
    }
    line["work"] = whole;
    std::cout << line.dump() << std::endl;
  }
}

}  // namespace
}  // namespace fluvox

int main(int count, char** words) {
  try {
    fluvox::run(count, words);
  } catch (const std::exception& error) {
    std::cerr << "fluvox-rendering: " << error.what() << "\n";
    return 1;
  }
}
