#include "train/report.h"

#include <fstream>
#include <limits>

#include "audio/sound_file.h"
#include "core/atomic_file.h"
#include "flow/registry.h"
#include "report/plot.h"
#include "report/png.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

constexpr double kSeconds = 4;
constexpr uint64_t kSeed = 1;

report::Image curves(const std::vector<Json>& lines) {
  report::Series train{"training", {}, {}}, held_out{"held out", {}, {}};
  for (const Json& line : lines) {
    if (!line.contains("train")) continue;
    const auto add = [&line](report::Series& series, const char* field) {
      if (!line.contains(field) || !line[field].is_number()) return;
      series.x.push_back(line.at("step").get<double>());
      series.y.push_back(line[field].get<double>());
    };
    add(train, "train");
    add(held_out, "held_out");
  }
  return report::plot_curves({train, held_out}, "step", "nats per sample");
}

}  // namespace

std::vector<Copy> copies(flow::TorchFlow& flow, const Corpus& corpus, const GivenMels& mels,
                         const mel::Analyser& analyser) {
  std::vector<Copy> list;
  if (!flow::ways_of(flow.spec()).parallel_inverse) return list;
  const torch::NoGradGuard no_grad;
  const mel::Convention& c = analyser.convention();
  const auto most = static_cast<int64_t>(kSeconds * c.sample_rate / c.hop);
  int done = -1;  // the corpora stand in order
  for (size_t i = 0; i < corpus.held_out.size(); ++i) {
    const Clip& clip = corpus.held_out[i];
    if (clip.corpus <= done) continue;
    done = clip.corpus;
    const WholeClip whole = whole_clip(clip, analyser, mels.of_held_out(i), flow.device());
    const int64_t frames = std::min(whole.mel.size(2), most);
    const auto condition =
        flow.condition(net::with_margins(whole.mel.narrow(2, 0, frames), flow.margins()));
    torch::manual_seed(kSeed);
    const torch::Tensor made =
        flow.sample(condition, frames * c.hop, flow.spec().sigma).contiguous();
    const torch::Tensor original = whole.audio.narrow(1, 0, frames * c.hop).contiguous();
    const auto samples = [](const torch::Tensor& given) {
      const torch::Tensor t = given.cpu();
      return std::vector<float>(t.data_ptr<float>(), t.data_ptr<float>() + t.numel());
    };
    list.push_back({clip.name, c.sample_rate, samples(original), samples(made)});
  }
  return list;
}

std::vector<Json> read_log(const fs::path& path) {
  std::vector<Json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    Json json = Json::parse(line, nullptr, false);  // a line that a crash cut short is no line
    if (json.is_object() && json.contains("step")) lines.push_back(std::move(json));
  }
  return lines;
}

void write_report(const fs::path& folder, const std::vector<Copy>& made) {
  const fs::path place = folder / "report";
  make_folder(place);
  const std::vector<Json> lines = read_log(folder / "log.jsonl");
  if (!lines.empty()) report::write_png(place / "curves.png", curves(lines));
  for (const Copy& copy : made) {
    audio::write_sound(place / (copy.name + ".wav"), copy.original, copy.rate);
    audio::write_sound(place / (copy.name + "-copy.wav"), copy.made, copy.rate);
    report::write_png(
        place / (copy.name + ".png"),
        report::plot_compared(copy.original, copy.made, copy.rate, copy.name, "the model's copy"));
  }
}

}  // namespace fluvox::train
