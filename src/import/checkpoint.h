// A model in a PyTorch file, in whichever container it was saved:
//   a pickled module or a state dict, by itself or under "model" or "state_dict" of a dictionary
//   that holds what else a trainer saves (iteration, optimiser, its configuration)
// with its tensors by the names that the published code gives them, without what stands before
// those ("module." of a model that was trained on several GPUs).
//
// Layers are taken one by one, by name and shape, and what is left over is refused. A convolution's
// weight may be spelt in three ways; with weight norm it is folded in double:
//   NAME.weight
//   NAME.weight_g, NAME.weight_v                               w = g v / |v|, the norm of each row;
//   NAME.parametrizations.weight.original0 (g), .original1 (v) g may be negative
// Beside weight_g and weight_v a plain weight may stand; it is what the layer computed last and
// counts for nothing.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/config.h"
#include "import/torch_file.h"
#include "import/torch_module.h"

namespace fluvox::imports {

class Checkpoint {
 public:
  explicit Checkpoint(TorchFile file);
  static Checkpoint read(const std::filesystem::path& path);

  const std::string& where() const { return file_.where(); }
  // Of the module that holds the tensors, "glow_old.WaveGlow"; empty for a state dict.
  const std::string& class_path() const { return class_path_; }
  // {"iteration": 580000} or {"epoch": 1000}, as far as the file says.
  Json progress() const;
  // The configuration that some trainers save beside the weights; null without one.
  Json config() const;
  // Of the module of that name, where the file holds modules: an attribute that is a number, or a
  // tuple that starts with one ("stride" of "upsample").
  std::optional<double> attribute(const std::string& module, const std::string& name) const;

  bool has(const std::string& layer) const;  // a weight, in any of the spellings
  // How many "WN.0...", "WN.1..." there are, by the highest number.
  int count(const std::string& list) const;
  // Of a layer's weight, which must have so many extents.
  std::vector<int64_t> shape(const std::string& layer, size_t extents) const;

  std::vector<float> weight(const std::string& layer, const std::vector<int64_t>& shape);
  std::vector<float> tensor(const std::string& name, const std::vector<int64_t>& shape);
  void leave(const std::string& name) { taken_.insert(name); }  // known, and of no use
  void refuse_leftovers() const;

  [[noreturn]] void refuse(const std::string& code, const std::string& what) const;

 private:
  std::vector<std::string> spellings(const std::string& layer) const;
  HostTensor take(const std::string& name, const std::vector<int64_t>& shape);

  TorchFile file_;
  std::map<std::string, Value> tensors_, modules_;
  std::set<std::string> taken_;
  std::string class_path_;
};

}  // namespace fluvox::imports
