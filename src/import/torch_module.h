// The tensors of a model in a PyTorch file, by the names that its state dict gives them
// ("WN.0.start.bias"): of a pickled module, whose records hold _parameters, _buffers and _modules,
// or of a dictionary of tensors, which is a state dict already. Bounded, as a file may hold one
// module in many places, or a module in itself.
#pragma once

#include <string>
#include <vector>

#include "import/torch_file.h"
#include "import/value.h"

namespace fluvox::imports {

struct NamedValue {
  std::string name;
  Value value;
};

struct ModuleContents {
  std::vector<NamedValue> tensors;
  std::vector<NamedValue> modules;  // the records, the outermost of the name "" first
};

// What a dictionary holds beside tensors is refused by name. All tensors together are no larger
// than a small multiple of the file, so that each may be asked for with TorchFile::tensor.
ModuleContents contents_of(const TorchFile& file, const Value& model);

}  // namespace fluvox::imports
