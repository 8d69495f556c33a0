#include "train/distill.h"

#include "flow/model_file.h"
#include "flow/registry.h"
#include "train/tensors_torch.h"

namespace fluvox::train {
namespace {

using torch::Tensor;

Tensor magnitude(const Tensor& x, int64_t window) {
  const Tensor shape = torch::hann_window(window, x.options());
  const Tensor bins =
      torch::stft(x, window, window / 4, window, shape, true, "reflect", false, true, true);
  // The root has no slope at zero.
  return (torch::real(bins).square() + torch::imag(bins).square() + 1e-10).sqrt();
}

}  // namespace

Tensor gaussian_divergence(const Tensor& m, const Tensor& s, const Tensor& n, const Tensor& r) {
  return r - s + 0.5 * (torch::exp(2 * (s - r)) + ((m - n) * torch::exp(-r)).square()) - 0.5;
}

Tensor spectral_loss(const Tensor& x, const Tensor& y) {
  Tensor sum = torch::zeros({}, x.options());
  int64_t windows = 0;
  for (int64_t window : {512, 1024, 2048}) {
    if (window > x.size(1)) break;
    const Tensor mine = magnitude(x, window), wanted = magnitude(y, window);
    sum = sum + (mine - wanted).norm() / wanted.norm() +
          (torch::log(mine) - torch::log(wanted)).abs().mean();
    ++windows;
  }
  return windows > 0 ? sum / static_cast<double>(windows) : sum;
}

Teacher::Teacher(const std::filesystem::path& path, const mel::Convention& convention,
                 torch::Device device) {
  const flow::Model model = flow::read_model(path);
  if (model.spec.mel != to_json(convention))
    throw Error(Fault::usage, "teacher-differs",
                text(path.string(),
                     ": expected a teacher of the student's mel convention, found "
                     "another: leave convention and mel out of the settings"));
  flow_ = std::make_shared<flow::TorchFlow>(model.spec);
  std::map<std::string, Tensor> given;
  for (const auto& [name, tensor] : model.tensors) given[name] = to_torch(tensor);
  flow_->load(given);
  flow_->to(device);
  flow_->expect_autoregressive();
  flow_->eval();
  for (Tensor& weight : flow_->parameters()) weight.set_requires_grad(false);
  if (!flow::ways_of(model.spec).parallel_forward)
    throw Error(Fault::usage, "teacher-serial",
                text(path.string(),
                     ": expected a teacher that scores all samples at once (maf), "
                     "found '",
                     model.spec.model, "'"));
}

void Teacher::prepare(flow::TorchFlow& student) const {
  const torch::NoGradGuard no_grad;
  const net::Margins mine = flow_->margins(), its = student.margins();
  if (mine.left != its.left || mine.right != its.right || mine.beyond != its.beyond)
    throw Error(Fault::usage, "teacher-differs",
                "expected teacher and student to see as many frames around a segment");
  if (!flow::ways_of(student.spec()).parallel_inverse)
    throw Error(
        Fault::usage, "student-serial",
        text("expected a student that samples at once (iaf), found '", student.spec().model, "'"));
  const auto given = flow_->weights();
  for (auto& [name, weight] : student.weights()) {
    const auto found = given.find(name);
    if (name.rfind("conditioner.", 0) == 0 && found != given.end() &&
        found->second.sizes() == weight.sizes())
      weight.copy_(found->second);
  }
}

Teacher::Lesson Teacher::teach(flow::TorchFlow& student, const Tensor& mel, const Tensor& z) const {
  const auto made = student.drawn_gaussians(z, student.condition(mel));
  const auto judged = flow_->gaussians_of(made.x, flow_->condition(mel));
  return {gaussian_divergence(made.mean, made.log_scale, judged.mean, judged.log_scale).mean(),
          made.x};
}

}  // namespace fluvox::train
