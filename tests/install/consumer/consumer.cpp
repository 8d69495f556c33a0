// What README promises of the C++ API: two headers, a model, audio.
#include <cstdio>

#include "flow/model_file.h"
#include "runtime/session.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fluvox::flow::Model model = fluvox::flow::read_model(argv[1]);
  fluvox::runtime::Session session(model, {.threads = 1});
  fluvox::mel::Mel mel;
  mel.frames = 3;
  mel.bands = session.convention().bands;
  mel.values.assign(3 * static_cast<size_t>(mel.bands), -8.0f);
  const auto audio = session.render(mel, {.seed = 1});
  std::printf("%s, %d Hz: %d frames of mel made %zu samples\n", model.spec.model.c_str(),
              session.convention().sample_rate, mel.frames, audio.size());
  return audio.size() == 3 * static_cast<size_t>(session.convention().hop) ? 0 : 1;
}
