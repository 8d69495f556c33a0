// fluvox info: what a model file holds.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/output.h"
#include "flow/registry.h"

namespace fluvox::cli {
namespace {

// "coupling (channels 8, limit 0, net wn (inputs 4, ...))"
std::string brief(const Json& part) {
  std::string inside;
  for (const auto& [key, value] : part.items()) {
    if (key == "kind" || (value.is_array() && value.size() > 8)) continue;
    inside += (inside.empty() ? "" : ", ") + key + " " +
              (value.is_object() && value.contains("kind") ? brief(value)
               : value.is_string()                         ? value.get<std::string>()
                                                           : value.dump());
  }
  return part.value("kind", "?") + (inside.empty() ? "" : " (" + inside + ")");
}

size_t parameters(const flow::Model& model) {
  size_t count = 0;
  for (const auto& [name, tensor] : model.tensors) count += tensor.count();
  return count;
}

std::string at_once(bool parallel) { return parallel ? "all at once" : "place after place"; }

std::string describe(const flow::Model& model, const runtime::Session& session) {
  const mel::Convention& mel = session.convention();
  char line[200];
  std::string out = "model       " + model.spec.model + "\n";
  std::snprintf(line, sizeof line, "parameters  %.3f M\n",
                static_cast<double>(parameters(model)) * 1e-6);
  out += line;
  std::snprintf(line, sizeof line,
                "mel         %s: %d Hz, fft %d, hop %d, %d bands, %g-%g Hz, log %s\n",
                mel.name.c_str(), mel.sample_rate, mel.fft, mel.hop, mel.bands, mel.fmin, mel.fmax,
                mel.log.c_str());
  out += line;
  out += text("z           ", session.z_channels(), " channels, one position for ",
              session.z_channels(), " samples; sampled at sigma ", model.spec.sigma);
  if (model.spec.unseen > 0)
    out += text(", the last ", model.spec.unseen, ", beyond the mel, at 1");
  out += "\n";
  std::snprintf(line, sizeof line,
                "work        %.3f M multiply-adds for a sample, all folds done\n",
                session.multiply_adds() * 1e-6);
  out += line;
  const auto ahead = static_cast<double>(session.look_ahead());
  std::snprintf(line, sizeof line, "look-ahead  %.0f samples, %.1f ms\n", ahead,
                1000 * ahead / mel.sample_rate);
  out += line;
  const flow::Ways ways = flow::ways_of(model.spec);
  out += text("directions  rendering ", at_once(ways.parallel_inverse), ", scoring ",
              at_once(ways.parallel_forward), "\n");
  out += text("offers      rendering, scoring, encoding",
              session.streams() ? ", exact streaming" : "; no streaming", "\n");
  out += "sha256      " + model.sha256 + "\n";
  out += "conditioner " + brief(model.spec.conditioner) + "\n";
  for (size_t i = 0; i < model.spec.steps.size(); ++i)
    out += text(i == 0 ? "steps       " : "            ", i, " ", brief(model.spec.steps[i]), "\n");
  out += "base        " + brief(model.spec.base) + "\n";
  out +=
      "provenance  " +
      (model.spec.provenance.empty() ? std::string("not stated") : model.spec.provenance.dump(2)) +
      "\n";
  return out;
}

int run(const Flags& flags) {
  if (!flags.inputs.empty() && !flags.model.empty())
    throw Error(Fault::usage, "usage",
                "the model is named twice: give it either as an argument or with -m");
  if (flags.inputs.size() > 1) throw Error(Fault::usage, "usage", "expected one model file");
  Flags one = flags;
  if (!flags.inputs.empty()) one.model = flags.inputs.front();
  const flow::Model model = flow::read_model(model_path(one));
  const runtime::Session session(model, {.threads = 1});
  if (!flags.json) {
    write_stdout(describe(model, session));
    return 0;
  }
  Json json = to_json(model.spec);
  json["sha256"] = model.sha256;
  json["parameters"] = parameters(model);
  json["z_channels"] = session.z_channels();
  json["multiply_adds_per_sample"] = session.multiply_adds();
  json["look_ahead_samples"] = session.look_ahead();
  const flow::Ways ways = flow::ways_of(model.spec);
  json["parallel"] = {{"rendering", ways.parallel_inverse}, {"scoring", ways.parallel_forward}};
  json["streams"] = session.streams();
  write_stdout(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  return 0;
}

}  // namespace

void add_info(Program& program) {
  CLI::App& command =
      program.command("info", "what a model file holds: steps, parameters, mel, provenance",
                      "  fluvox info voice.safetensors\n"
                      "  fluvox info                     # the voice in the box");
  const auto flags = std::make_shared<Flags>();
  command.add_option("model_file", flags->inputs, "the model file")->type_name("FILE");
  model_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
