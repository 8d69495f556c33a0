// The row coupling around a WN over the grid (flow/row_coupling.h, net/wn2d.h): row after row of
// the grid, each with one launch a layer (kernels/wn_layer.h). A row of the grid is a column of z,
// so a tap is a segment of the array that holds an earlier row, moved by so many positions.
#include <algorithm>

#include "cuda/gated.h"
#include "cuda/linear.h"
#include "flow/row_coupling.h"
#include "net/wn2d.h"

namespace fluvox::cuda {
namespace {

template <class T>
class RowCouplingStage : public Stage {
 public:
  RowCouplingStage(const flow::RowCoupling& step, const net::Wn2d& wn, net::Weights weights)
      : order_(flow::order_of(step)),
        limit_(step.limit),
        wn_(wn),
        channels_(padded(wn.channels, kChannelsMultiple)),
        seen_(padded(1 + 1, kRowNumbers)) {
    const net::FoldedWnEnds ends = net::fold_wn(wn, weights, [&](const net::FoldedWnLayer& layer) {
      layers_.emplace_back(layer, wn.channels, layers_.empty() ? seen_ : channels_, kOutputs, 1);
    });
    std::vector<float> out_bias;
    for (size_t row = 1; row < order_.size(); ++row)
      out_bias.insert(out_bias.end(), ends.out_bias.begin(), ends.out_bias.end());
    out_bias_ = Constant(out_bias);
    if (wn.layers() > 1) start_.emplace(ends.start, ends.start_bias, seen_, channels_);
  }

  bool streams() const override { return false; }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    const int rows = static_cast<int>(order_.size());
    // The condition of each row of the grid, side by side.
    const Rows<T> features =
        rounded_part<T>(tape, "rows", 0, rows, tape.features.width / rows, rows);
    // What the net says of each row but the first, side by side.
    const Rows<float> out = tape.rows<float>(kOutputs * (rows - 1), 0, 0, "out");
    fill(tape, out, out_bias_, 0);
    const Rows<float> h = tape.rows<float>(channels_, 0, 0, "h");
    std::vector<std::vector<Rows<T>>> rings;  // the input of each layer
    for (int l = 0; l < wn_.layers(); ++l) rings.push_back(ring(tape, l, rows));

    step(tape, z, x, 0, nullptr);
    for (int row = 0; row + 1 < rows; ++row) {
      enter(tape, x, row, at(rings[0], row), h);
      float* said = out.at(0) + kOutputs * row;
      for (int l = 0; l < wn_.layers(); ++l)
        lay_layer(tape, l, row, rings, features, h, said, out.width);
      step(tape, z, x, row + 1, said);
    }
  }

 private:
  static constexpr int kOutputs = 2;  // b and raw

  // Row `row` of the order of work: as it is, or with what the net said.
  void step(Tape& tape, const Rows<float>& z, const Rows<float>& x, int row,
            const float* said) const {
    const int column = order_[static_cast<size_t>(row)];
    kernels::CoupledRows coupled{};
    coupled.channels = coupled.count = 1;
    coupled.z = z.at(0) + column;
    coupled.z_stride = z.width;
    coupled.y = x.at(0) + column;
    coupled.y_stride = x.width;
    if (said != nullptr) {
      coupled.b = said;
      coupled.raw = said + 1;
      coupled.out_stride = kOutputs * (static_cast<std::ptrdiff_t>(order_.size()) - 1);
    }
    bound_by(limit_, coupled);
    add_coupled(tape, coupled, 0);
  }

  // The row as the net's first layer takes it, [x | 1 | zeros], and what start makes of it.
  void enter(Tape& tape, const Rows<float>& x, int row, const Rows<T>& in,
             const Rows<float>& h) const {
    gather<T>(tape,
              {x.at(0), x.width, order_[static_cast<size_t>(row)], 1, 1, true, in.at(0), in.width,
               in.width},
              0);
    if (start_) start_->into(tape, in, h, 0);
  }

  void lay_layer(Tape& tape, int l, int row, const std::vector<std::vector<Rows<T>>>& rings,
                 const Rows<T>& features, const Rows<float>& h, float* out, int out_stride) const {
    const GatedLayer<T>& made = layers_[static_cast<size_t>(l)];
    const std::vector<Rows<T>>& inputs = rings[static_cast<size_t>(l)];
    kernels::WnLayer<T> layer = made.shape();
    int missing = 0, segment = 0;  // taps of rows before the first
    for (int up = wn_.kernel - 1; up >= 0; --up) {
      const int from = row - up * row_dilation(l);
      if (from < 0) missing += wn_.kernel;
      for (int tap = 0; tap < wn_.kernel; ++tap, ++segment)
        if (from >= 0) {
          const Rows<T>& x = at(inputs, from);
          layer.segments.at[segment] = {x.at(0), x.width, x.width,
                                        (tap - wn_.kernel / 2) * (std::ptrdiff_t{1} << l)};
        }
    }
    // The condition of the row that is to be made.
    const int width = layer.segments.at[segment].inputs;
    layer.segments.at[segment] = {features.at(0) + width * order_[static_cast<size_t>(row) + 1],
                                  features.width, width};
    layer.out = out;
    layer.out_stride = out_stride;
    if (l + 1 < wn_.layers()) {
      const Rows<T>& next = at(rings[static_cast<size_t>(l) + 1], row);
      layer.h = layer.h_next = h.at(0);
      layer.h_stride = layer.h_next_stride = h.width;
      layer.x_next = next.at(0);
      layer.x_next_stride = next.width;
    }
    made.add(tape, layer, 0, missing);
  }

  int row_dilation(int l) const { return wn_.row_dilations[static_cast<size_t>(l)]; }

  // As many rows of the net as layer l looks back at, and the present one.
  std::vector<Rows<T>> ring(Tape& tape, int l, int rows) const {
    const int size = std::min(rows - 1, (wn_.kernel - 1) * row_dilation(l) + 1);
    std::vector<Rows<T>> all;
    for (int r = 0; r < size; ++r)
      all.push_back(tape.rows<T>(l == 0 ? seen_ : channels_, 0, 0, text("row", l, ".", r)));
    return all;
  }
  static const Rows<T>& at(const std::vector<Rows<T>>& ring, int row) {
    return ring[static_cast<size_t>(row) % ring.size()];
  }

  std::vector<int> order_;
  double limit_;
  net::Wn2d wn_;
  int channels_, seen_;  // padded
  std::vector<GatedLayer<T>> layers_;
  Constant<float> out_bias_;
  std::optional<Product<T>> start_;
};

}  // namespace

StagePtr make_row_coupling(const flow::RowCoupling& step, const net::Wn2d& wn, int fold,
                           const std::string& where, net::Weights net_weights,
                           Precision precision) {
  if (wn.kernel * wn.kernel + 1 > kernels::kMaxSegments)
    refuse_part(where + ".net", text("a wn2d with ", wn.kernel, " x ", wn.kernel, " taps"));
  if (fold > 1) refuse_part(where, text("rows beside ", fold, " rows of the condition"));
  return in_precision(precision, [&]<class T>() -> StagePtr {
    return std::make_unique<RowCouplingStage<T>>(step, wn, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
