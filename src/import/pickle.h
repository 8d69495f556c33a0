// The restricted reader of pickles, the programs inside PyTorch's files. Python runs them on a
// stack machine that may call anything; this one only builds a tree of inert values (value.h):
//   - a name (GLOBAL, STACK_GLOBAL) stays a name, never looked up;
//   - NEWOBJ and BUILD fill an inert record with the arguments and the state of an object;
//   - REDUCE, the call, is known for OrderedDict, torch's storages (by persistent ids),
//   _rebuild_tensor,
//     _rebuild_tensor_v2 and _rebuild_parameter, and for three harmless ones that genuine files
//     carry (pickle_calls.h); any other is refused, naming it.
// Protocols 0 to 5 as far as files have them; any opcode beyond is refused by name. Messages say at
// which byte. Steps and memory are bounded by the length of the pickle, and by kMostNodes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "import/value.h"

namespace fluvox::imports {

// Values and references to them, together. A genuine WaveGlow with its optimiser has 2e5.
inline constexpr size_t kMostNodes = 2'000'000;

struct Pickle {
  Tree tree;
  size_t end = 0;  // behind its STOP
};

// The pickle that starts at bytes[start]; the tree points into `bytes`. `where` names the file.
Pickle read_pickle(std::string_view bytes, size_t start, const std::string& where);

}  // namespace fluvox::imports
