// What proves one step a bijection, as functions that give an error to hold against a bound: the
// suite applies them to every step (bijection_test.cpp), and to mutants that they must catch
// (mutants_test.cpp). All in float64 unless they say so.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "flow/step_torch.h"

namespace fluvox::bijection {

using flow::Condition;
using flow::TorchStep;
using torch::Tensor;

// One row of the suite: a step as a spec would name it, and what enters it.
struct Row {
  std::string name;
  Json step;
  int64_t channels = 4, positions = 6;  // of x
  int64_t condition = 0;                // channels of the condition's features; 0: it sees none
  int64_t maps = 0;                     // over a grid: maps of the features, beside a log-scale
  bool training = false;                // in training mode, with the statistics of the batch held
  // Whether z[c, t] may depend on x[d, u]; nothing where the step makes no claim.
  std::function<bool(int64_t c, int64_t t, int64_t d, int64_t u)> may_depend = {};
};

inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

// A step at work: random parameters that are not zero, running statistics that are not 0 and 1, two
// items of data.
struct Subject {
  Row row;
  flow::TorchStepPtr step;
  Tensor x;  // [2, channels, positions]
  Condition condition;
};

// Parameters start as the step makes them and are moved at random; the same seed, the same values.
flow::TorchStepPtr make_step(const Row& row, uint64_t seed);
Subject make_subject(const Row& row, uint64_t seed, at::ScalarType type = at::kDouble);

// Every figure is 0 for a right step, but for rounding.
double log_det_error(Subject& s);  // reported less log|det| of autograd's Jacobian, relative
double inverse_log_det_error(Subject& s);  // inverse_with_log_det's less that of forward at x
double round_trip_error(Subject& s);
double jacobian_product_error(Subject& s);  // J_f J_g - I
double forbidden_dependence(Subject& s);    // what the row says must be zero in the Jacobian
double mixing_of_items(Subject& s);  // an item alone and in the batch; its gradient to others
double gradient_error(Subject& s);  // autograd's less central differences: x, z and every parameter
double condition_effect(Subject& s);  // how much z moves with the condition: far from 0

// The Jacobian of one item's map at x [channels, positions]: [outputs, inputs]
Tensor jacobian(const std::function<Tensor(const Tensor&)>& map, const Tensor& x);

}  // namespace fluvox::bijection
