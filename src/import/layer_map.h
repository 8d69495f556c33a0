// Takes layers of one part of a checkpoint and gives them the names of our spec.
//
//   LayerMap wn(checkpoint, "WN.3", tensors, "steps.9.net");
//   wn.conv("start", {"start"}, 256, 3, 1);       // WN.3.start.* -> steps.9.net.start.*
#pragma once

#include <string>
#include <vector>

#include "import/checkpoint.h"

namespace fluvox::imports {

class LayerMap {
 public:
  LayerMap(Checkpoint& from, std::string old_name, Tensors& to, std::string new_name);

  // weight [rows, inputs, kernel] and bias [rows] of one layer of ours: the rows of the layers
  // named, one after another, as many of each.
  void conv(const std::string& name, const std::vector<std::string>& parts, int rows, int inputs,
            int kernel);
  // A tensor as it is, but for its shape.
  void tensor(const std::string& name, const std::string& old_name,
              const std::vector<int64_t>& old_shape, const std::vector<int64_t>& shape);
  bool has(const std::string& layer) const { return from_.has(old_ + layer); }
  // A tensor that says nothing about what the model computes.
  void leave(const std::string& name) { from_.leave(old_ + name); }

 private:
  Checkpoint& from_;
  const std::string old_;
  Tensors& to_;
  const std::string new_;
};

}  // namespace fluvox::imports
