#include <limits>
#include <utility>

#include "flow/step_runtime.h"

namespace fluvox::flow {
namespace {

class RowByRow : public StepStream {
 public:
  RowByRow(const RuntimeStep& step, Sees sees) : step_(step), sees_(sees) {}

  Grid push(Grid z, const ConditionWindow& condition, bool, Threads& threads) override {
    const int64_t from = done_;
    done_ += z.rows;
    const bool looks = sees_ == Sees::condition;
    step_.inverse(z, looks ? condition.rows(from, done_) : RuntimeCondition(), threads);
    return z;
  }
  int64_t needed() const override { return sees_ == Sees::condition ? done_ : kNothing; }

 private:
  static constexpr int64_t kNothing = std::numeric_limits<int64_t>::max();
  const RuntimeStep& step_;
  Sees sees_;
  int64_t done_ = 0;
};

class BesideNetStream : public StepStream {
 public:
  BesideNetStream(net::NetStreamPtr net, BesideNet how)
      : net_(std::move(net)), how_(std::move(how)), waiting_(how_.channels) {}

  Grid push(Grid z, const ConditionWindow& condition, bool last, Threads& threads) override {
    const int64_t from = net_->done(), first = waiting_.end();
    const Grid out = through_net(z, condition, first, last, threads);
    waiting_.append(z);
    Grid ready = waiting_.rows(from, net_->done());
    waiting_.forget(net_->done());
    if (ready.rows > 0) how_.invert(ready, out, threads);  // a net that looks ahead gives none yet
    return ready;
  }
  int64_t needed() const override { return net_->done(); }

 private:
  Grid through_net(const Grid& z, const ConditionWindow& condition, int64_t first, bool last,
                   Threads& threads) {
    const auto beside = [&] { return condition.features.rows(first, first + z.rows); };
    if (!how_.kept) return net_->push(beside(), nullptr, last, threads);
    if (!how_.seen) return net_->push(how_.kept(z), &condition.features, last, threads);
    const Grid fresh = how_.seen(beside());
    if (seen_.columns() == 0) seen_ = net::Window(fresh.columns);
    seen_.append(fresh);
    const Grid out = net_->push(how_.kept(z), &seen_, last, threads);
    seen_.forget(net_->done());
    return out;
  }

  net::NetStreamPtr net_;
  BesideNet how_;
  net::Window waiting_, seen_;
};

}  // namespace

StepStreamPtr stream_beside_net(net::NetStreamPtr net, BesideNet how) {
  if (!net) return nullptr;
  return std::make_unique<BesideNetStream>(std::move(net), std::move(how));
}

StepStreamPtr stream_row_by_row(const RuntimeStep& step, Sees sees) {
  return std::make_unique<RowByRow>(step, sees);
}

}  // namespace fluvox::flow
