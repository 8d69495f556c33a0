#include "flow/row_coupling.h"

#include <algorithm>
#include <numeric>

namespace fluvox::flow {

std::vector<int> order_of(const RowCoupling& step) {
  std::vector<int> rows(static_cast<size_t>(step.rows));
  std::iota(rows.begin(), rows.end(), 0);
  if (step.order.empty()) return rows;
  std::vector<int> sorted = step.order;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != rows)
    config::refuse("row_coupling", text("expected an order that names each of ", step.rows,
                                        " rows once, found ", Json(step.order).dump()));
  return step.order;
}

}  // namespace fluvox::flow
