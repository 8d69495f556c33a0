// A mean and its standard error.
#pragma once

#include <cmath>

namespace fluvox::oracles {

class Mean {
 public:
  void add(double value) {  // Welford
    ++count_;
    const double off = value - mean_;
    mean_ += off / count_;
    squares_ += off * (value - mean_);
  }
  double mean() const { return mean_; }
  double error() const { return std::sqrt(squares_ / (count_ * (count_ - 1.0))); }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

}  // namespace fluvox::oracles
