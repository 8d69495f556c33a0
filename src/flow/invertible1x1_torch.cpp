#include "flow/invertible1x1.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

// W and log|det W|, float64 whatever the parameters are.
struct Matrix {
  Tensor weight, log_abs_det;
};

// A random rotation: Q of a Gaussian's QR, one column turned where the determinant is -1.
Tensor random_rotation(int64_t channels) {
  Tensor q = std::get<0>(torch::linalg_qr(torch::randn({channels, channels}, torch::kFloat64)));
  if (torch::linalg_det(q).item<double>() < 0) q.select(1, 0).neg_();
  return q.contiguous();
}

// What the three forms share; `matrix` makes W of what is learned.
class Mixing : public TorchStep {
 public:
  explicit Mixing(const Invertible1x1& step) : channels_(step.channels) {}

  Result forward(const Tensor& x, const Condition&) override {
    const Matrix m = checked(x);
    const Tensor log_det = (m.log_abs_det * x.size(2)).to(x.scalar_type());
    return {ops::mixing(m.weight.to(x.scalar_type()), x), log_det.expand({x.size(0)})};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    return ops::mixing(inverted(checked(z).weight).to(z.scalar_type()), z);
  }

 protected:
  virtual Matrix matrix() const = 0;
  virtual Tensor inverted(const Tensor& weight) const {
    return ops::inverse_log_det(weight).inverse;
  }

  const int64_t channels_;

 private:
  // Looked at before anything is made of it: a determinant can come out finite where an entry is
  // not.
  Matrix checked(const Tensor& x) const {
    expect_channels(x, channels_);
    const Matrix m = matrix();
    if (!(torch::isfinite(m.weight).all() & torch::isfinite(m.log_abs_det)).item<bool>())
      throw Error(
          Fault::input, "matrix-singular",
          text(place, ": invertible1x1: expected an invertible matrix ", m.weight.sizes(),
               " of finite numbers, found one whose log|det| is ", m.log_abs_det.item<double>(),
               " and whose largest entry is ", m.weight.abs().max().item<double>()));
    return m;
  }
};

class PlainMixing : public Mixing {
 public:
  explicit PlainMixing(const Invertible1x1& step) : Mixing(step) {
    weight_ = register_parameter("weight", random_rotation(channels_).to(torch::kFloat32));
  }

 protected:
  Matrix matrix() const override {
    const Tensor weight = weight_.to(torch::kFloat64);
    // In double: cheap at this size, and log|det| whatever the sign of det W.
    return {weight, ops::inverse_log_det(weight).log_abs_det};
  }

 private:
  Tensor weight_;
};

class LuMixing : public Mixing {
 public:
  explicit LuMixing(const Invertible1x1& step) : Mixing(step) {
    const auto [p, l, u] = torch::linalg_lu(random_rotation(channels_));
    const Tensor diagonal = u.diagonal();
    lower_ = register_parameter("lower", l.tril(-1).to(torch::kFloat32));
    upper_ = register_parameter("upper", u.triu(1).to(torch::kFloat32));
    log_diagonal_ =
        register_parameter("log_diagonal", torch::log(diagonal.abs()).to(torch::kFloat32));
    permutation_ = register_buffer("permutation", p.argmax(1).to(torch::kFloat32));
    signs_ = register_buffer("signs", diagonal.sign().to(torch::kFloat32));
  }

 protected:
  Matrix matrix() const override {
    const Tensor log_diagonal = log_diagonal_.to(torch::kFloat64);
    const Tensor l =
        lower_.to(torch::kFloat64).tril(-1) + torch::eye(channels_, log_diagonal.options());
    const Tensor u = upper_.to(torch::kFloat64).triu(1) +
                     torch::diag(signs_.to(torch::kFloat64) * torch::exp(log_diagonal));
    return {torch::matmul(l, u).index_select(0, permutation_.to(torch::kLong)), log_diagonal.sum()};
  }

 private:
  Tensor lower_, upper_, log_diagonal_, permutation_, signs_;
};

class OrthogonalMixing : public Mixing {
 public:
  explicit OrthogonalMixing(const Invertible1x1& step) : Mixing(step) {
    vectors_ = register_parameter("vectors", torch::randn({channels_, channels_}));
  }

 protected:
  Matrix matrix() const override {
    const Tensor vectors = vectors_.to(torch::kFloat64);
    Tensor weight = torch::eye(channels_, vectors.options());
    for (int64_t i = 0; i < channels_; ++i) {
      const Tensor v = vectors[i];
      const Tensor along = torch::matmul(weight, v) * (2 / v.square().sum());
      weight = weight - torch::outer(along, v);
    }
    return {weight, torch::zeros({}, vectors.options())};
  }
  Tensor inverted(const Tensor& weight) const override { return weight.t(); }

 private:
  Tensor vectors_;
};

}  // namespace

TorchStepPtr make_torch(const Invertible1x1& step) {
  if (step.form == "lu") return std::make_shared<LuMixing>(step);
  if (step.form == "orthogonal") return std::make_shared<OrthogonalMixing>(step);
  return std::make_shared<PlainMixing>(step);
}

}  // namespace fluvox::flow
