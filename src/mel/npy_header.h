// The header of a .npy file: a Python dictionary of three entries, read by a parser that knows
// nothing else.
//   {'descr': '<f4', 'fortran_order': False, 'shape': (80, 512), }
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fluvox::mel {

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<size_t> shape;
};

NpyHeader parse_npy_header(std::string_view text, const std::string& where);

}  // namespace fluvox::mel
