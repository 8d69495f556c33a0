#include "runtime/stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "net/window.h"
#include "runtime/plan.h"

namespace fluvox::runtime {
namespace {

constexpr int kPieceSamples = 16384;  // computed at a time where many wait
constexpr int kGpuPieceSamples = 65536;

}  // namespace

struct Stream::State {
  State(Session::Plan& plan_, const RenderOptions& options)
      : plan(plan_),
        margins(plan.flow.conditioner().margins()),
        flow(sampling(plan, plan.latent(options))),
        mel(plan.analyser.convention().bands),
        piece(std::max(1, (plan.sampler ? kGpuPieceSamples : kPieceSamples) / plan.hop())) {}

  static std::unique_ptr<flow::SampleStream> sampling(Session::Plan& plan, flow::Latent latent) {
    if (plan.sampler) return plan.sampler->stream(std::move(latent));
    return std::make_unique<flow::FlowStream>(plan.flow, std::move(latent.noise));
  }

  // Frames that can be rendered now: those whose right margin has come.
  int64_t frames_ready() const {
    return (finished ? mel.end() : mel.end() - margins.right) - rendered;
  }

  // The mel of `count` frames from `rendered` on with its margins, beyond the ends as the model's
  // own rule has it.
  net::Grid with_margins(int64_t count) const {
    const int64_t from = std::max<int64_t>(0, rendered - margins.left);
    const int64_t to = std::min(mel.end(), rendered + count + margins.right);
    net::Margins beyond = margins;
    beyond.left = static_cast<int>(from - (rendered - margins.left));
    beyond.right = static_cast<int>(rendered + count + margins.right - to);
    return net::with_margins(mel.rows(from, to), beyond);
  }

  // The flow holds samples back until it knows that nothing follows, and that may be told only
  // after the last frame was rendered.
  bool has_more() const { return frames_ready() > 0 || (finished && !flushed); }

  void render_more() {
    const int64_t count = std::min<int64_t>(piece, frames_ready());
    net::RuntimeCondition condition;
    if (count > 0) condition = plan.flow.conditioner().forward(with_margins(count), plan.threads);
    rendered += count;
    flushed = finished && rendered == mel.end();
    const std::vector<float> fresh = flow->push(condition, flushed, plan.threads);
    ready.erase(ready.begin(), ready.begin() + static_cast<std::ptrdiff_t>(pulled));
    pulled = 0;
    ready.insert(ready.end(), fresh.begin(), fresh.end());
    mel.forget(rendered - margins.left);
  }

  Session::Plan& plan;
  net::Margins margins;
  std::unique_ptr<flow::SampleStream> flow;
  net::Window mel;
  int piece;             // frames
  int64_t rendered = 0;  // frames
  bool finished = false, flushed = false;
  std::vector<float> ready;  // samples that wait to be pulled, from `pulled` on
  size_t pulled = 0;
};

Stream::Stream(const Session& session, const RenderOptions& options) {
  if (!session.streams())
    throw Error(Fault::input, "model-cannot-stream",
                text("model ", session.spec().model,
                     ": expected one that renders piece by piece, found one that needs the whole "
                     "utterance: render it without streaming"));
  state_ = std::make_unique<State>(*session.plan_, options);
}

Stream::~Stream() = default;

void Stream::push(const mel::Mel& frames) {
  if (state_->finished)
    throw Error(Fault::usage, "stream-finished", "push: expected no frames after finish()");
  state_->plan.check(frames);
  net::Grid grid;
  grid.rows = frames.frames;
  grid.columns = frames.bands;
  grid.values = frames.values;
  state_->mel.append(grid);
}

void Stream::finish() {
  if (state_->mel.end() == 0)
    throw Error(Fault::input, "mel-empty", "mel: expected at least 1 frame, found 0");
  state_->finished = true;
}

size_t Stream::pull(std::span<float> to) {
  State& s = *state_;
  size_t filled = 0;
  while (filled < to.size()) {
    if (s.pulled == s.ready.size()) {
      if (!s.has_more()) break;
      s.render_more();
      continue;
    }
    const size_t count = std::min(to.size() - filled, s.ready.size() - s.pulled);
    std::copy_n(s.ready.begin() + static_cast<std::ptrdiff_t>(s.pulled), count,
                to.begin() + static_cast<std::ptrdiff_t>(filled));
    s.pulled += count;
    filled += count;
  }
  return filled;
}

bool Stream::ended() const {
  const State& s = *state_;
  return s.flushed && s.pulled == s.ready.size();
}

void Stream::cancel() {
  State& s = *state_;
  s.finished = s.flushed = true;
  s.rendered = s.mel.end();
  s.ready.clear();
  s.pulled = 0;
}

}  // namespace fluvox::runtime
