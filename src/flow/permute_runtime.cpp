#include <utility>

#include "core/threads.h"
#include "flow/permute.h"
#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 512;  // rows

class PermuteRuntime : public RuntimeStep {
 public:
  explicit PermuteRuntime(const Permute& step) : table_(permutation(step)), back_(table_.size()) {
    for (size_t c = 0; c < table_.size(); ++c)
      back_[static_cast<size_t>(table_[c])] = static_cast<int>(c);
  }

  StepShape fit(const std::string& where, StepShape in, const ConditionShape&) const override {
    expect_size(where, "channels into permute", static_cast<int64_t>(table_.size()), in.channels);
    return in;
  }

  double forward(Grid& x, const RuntimeCondition&, Threads& threads, double*) const override {
    x = ordered(x, table_, threads);
    return 0;
  }

  void inverse(Grid& z, const RuntimeCondition&, Threads& threads) const override {
    z = ordered(z, back_, threads);
  }

  StepStreamPtr stream() const override { return stream_row_by_row(*this, Sees::nothing); }
  double multiply_adds(int) const override { return 0; }

 private:
  static Grid ordered(const Grid& x, const std::vector<int>& table, Threads& threads) {
    Grid y(x.rows, x.columns);
    net::in_pieces(threads, x.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t) {
        float* to = y.row(t);
        for (const int from : table) *to++ = x.row(t)[from];
      }
    });
    return y;
  }

  std::vector<int> table_, back_;
};

}  // namespace

RuntimeStepPtr make_runtime(const Permute& step, Weights&) {
  return std::make_unique<PermuteRuntime>(step);
}

}  // namespace fluvox::flow
