#include "train/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "core/log.h"
#include "flow/safetensors.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "checkpoint-";

// checkpoint-000012000.safetensors: by name they are in order of the step.
fs::path path_of(const fs::path& folder, int64_t step) {
  char name[64];
  std::snprintf(name, sizeof name, "%s%012lld.safetensors", kPrefix, static_cast<long long>(step));
  return folder / name;
}

std::vector<fs::path> checkpoints(const fs::path& folder) {
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors" &&
        entry.path().filename().string().rfind(kPrefix, 0) == 0)
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

Json about(const Checkpoint& c) {
  return {{"format", 1},
          {"step", c.step},
          {"updates", c.updates},
          {"held_out", c.held_out},
          {"best_held_out", c.best_held_out},
          {"best_step", c.best_step},
          {"rate_factor", c.rate_factor},
          {"loss_scale", c.loss_scale},
          {"settings", c.settings},
          {"spec", c.spec}};
}

}  // namespace

bool has_checkpoint(const fs::path& folder) { return !checkpoints(folder).empty(); }

void write_checkpoint(const fs::path& folder, const Checkpoint& checkpoint, int keep) {
  const std::string json = about(checkpoint).dump();
  flow::write_safetensors(
      path_of(folder, checkpoint.step), checkpoint.tensors,
      {{"fluvox.checkpoint", json}, {"sha256", flow::hash_content(json, checkpoint.tensors)}});
  // Only now that the new one is safe do old ones go.
  const std::vector<fs::path> all = checkpoints(folder);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i) {
    if (all[i] == path_of(folder, checkpoint.best_step)) continue;
    std::error_code failed;
    fs::remove(all[i], failed);
    if (failed) warn(text("an old checkpoint stays, ", all[i].string(), ": ", failed.message()));
  }
}

Checkpoint read_checkpoint(const fs::path& path) {
  flow::Safetensors file = flow::read_safetensors(path);
  const std::string json = file.metadata["fluvox.checkpoint"];
  const auto refuse = [&](const std::string& found) {
    throw Error(Fault::input, "checkpoint-invalid",
                text(path.string(), ": expected a checkpoint of fluvox train, found ", found));
  };
  if (json.empty()) refuse("other tensors");
  if (flow::hash_content(json, file.tensors) != file.metadata["sha256"])
    throw Error(Fault::input, "checkpoint-damaged",
                text(path.string(), ": its content does not match its SHA-256: it was damaged"));
  Checkpoint checkpoint;
  try {
    const Json parsed = Json::parse(json);
    checkpoint.step = parsed.at("step");
    checkpoint.updates = parsed.at("updates");
    checkpoint.held_out =
        parsed.at("held_out").is_number() ? parsed.at("held_out").get<double>() : 0;
    checkpoint.best_held_out = parsed.value("best_held_out", 0.0);
    checkpoint.best_step = parsed.value("best_step", int64_t{-1});
    checkpoint.rate_factor = parsed.value("rate_factor", 1.0);
    checkpoint.loss_scale = parsed.value("loss_scale", 0.0);
    checkpoint.settings = parsed.at("settings");
    checkpoint.spec = parsed.at("spec");
  } catch (const Json::exception& error) {  // its hash is right, but anybody can make one
    refuse(text("a description that is none: ", error.what()));
  }
  checkpoint.tensors = std::move(file.tensors);
  return checkpoint;
}

Checkpoint newest_checkpoint(const fs::path& folder) {
  std::vector<fs::path> all = checkpoints(folder);
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    try {
      return read_checkpoint(*path);
    } catch (const Error& error) {
      if (error.fault() == Fault::io) throw;
      warn(text("passed over: ", error.what()));
    }
  }
  throw Error(Fault::input, "checkpoint-missing",
              text(folder.string(), ": expected a sound checkpoint to resume from, found ",
                   all.empty() ? "none" : "only damaged ones"));
}

}  // namespace fluvox::train
