// The calls that a PyTorch file may ask for, carried out as data. The whole list:
//   collections.OrderedDict()  or  ([[key, value], ...])          an ordered dictionary
//   torch._utils._rebuild_tensor(storage, offset, shape, stride)  a tensor
//   torch._utils._rebuild_tensor_v2(... , requires_grad, hooks[, metadata])
//   torch._utils._rebuild_parameter(tensor, requires_grad, hooks) that tensor
//   torch.nn.parameter.Parameter(tensor, bool)                    that tensor (PyTorch 0.4)
//   torch.nn.backends.thnn._get_thnn_function_backend()           a record (modules before 1.4)
//   set([...]) of __builtin__ or builtins                         a record (modules of late)
#pragma once

#include "import/tree_builder.h"

namespace fluvox::imports {

// REDUCE: `function` called with the tuple `arguments`.
NodeId call(TreeBuilder& builder, NodeId function, NodeId arguments);

// BINPERSID: ('storage', class, key, location, count[, view]) is a storage,
// ('module', class, file, source text) of legacy files the class.
NodeId persistent(TreeBuilder& builder, NodeId id);

}  // namespace fluvox::imports
