#include <algorithm>

#include "net/net_runtime.h"
#include "net/window.h"

namespace fluvox::net {
namespace {

class ByWindows : public NetStream {
 public:
  ByWindows(const RuntimeNet& net, int64_t back, int64_t ahead)
      : net_(net), back_(back), ahead_(ahead), kept_(net.shape().inputs) {}

  int64_t done() const override { return done_; }

  Grid push(const Grid& kept, const Window* features, bool last, Threads& threads) override {
    kept_.append(kept);
    if (features) {
      if (features_.columns() == 0) features_ = Window(features->columns());
      features_.append(features->rows(features_.end(), kept_.end()));
    }
    const int64_t to = last ? kept_.end() : std::max(done_, kept_.end() - ahead_);
    if (to == done_) return Grid(0, net_.shape().outputs);
    const int64_t from = std::max<int64_t>(0, done_ - back_);
    const Grid seen = features ? features_.rows(from, kept_.end()) : Grid();
    const Grid all =
        net_.forward(kept_.rows(from, kept_.end()), features ? &seen : nullptr, threads);
    Grid out(static_cast<int>(to - done_), all.columns);
    std::copy_n(all.row(static_cast<int>(done_ - from)), out.values.size(), out.values.begin());
    done_ = to;
    kept_.forget(done_ - back_);
    features_.forget(done_ - back_);
    return out;
  }

 private:
  const RuntimeNet& net_;
  int64_t back_, ahead_, done_ = 0;
  Window kept_, features_;
};

}  // namespace

NetStreamPtr stream_by_windows(const RuntimeNet& net, int64_t back, int64_t ahead) {
  return std::make_unique<ByWindows>(net, back, ahead);
}

}  // namespace fluvox::net
