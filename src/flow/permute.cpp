#include "flow/permute.h"

#include <algorithm>
#include <numeric>

#include "kernels/philox.h"

namespace fluvox::flow {

std::vector<int> permutation(const Permute& step) {
  std::vector<int> table(static_cast<size_t>(step.channels));
  std::iota(table.begin(), table.end(), 0);
  if (step.order == "reverse") {
    std::reverse(table.begin(), table.end());
    return table;
  }
  if (step.order == "shuffle") {
    const auto seed = static_cast<uint64_t>(step.seed);
    const kernels::PhiloxKey key = {
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}};
    for (size_t i = table.size() - 1; i > 0; --i) {
      const uint32_t word =
          kernels::philox4x32_10({{static_cast<uint32_t>(i), 0, 0, 0}}, key).word[0];
      std::swap(table[i], table[(uint64_t{word} * (i + 1)) >> 32]);
    }
    return table;
  }
  if (step.channels % 2 != 0)
    config::refuse("permute",
                   text("expected an even number of channels to halve, found ", step.channels));
  const auto middle = table.begin() + step.channels / 2;
  if (step.order == "swap") {
    std::rotate(table.begin(), middle, table.end());
  } else {
    std::reverse(table.begin(), middle);
    std::reverse(middle, table.end());
  }
  return table;
}

}  // namespace fluvox::flow
