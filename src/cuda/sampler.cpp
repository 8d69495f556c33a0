#include "cuda/sampler.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/threads.h"
#include "cuda/plan.h"
#include "cuda/tape.h"

namespace fluvox::cuda {
namespace {

constexpr int64_t kFewestRows = 16;
constexpr int64_t kMostStreamRows = 8192;  // of a piece: enough for every multiprocessor
constexpr int kMostSeries = 64;            // side by side

// The shape that serves so many: 16, 24, 32, 48, 64, 96, ...
int64_t bucket(int64_t rows) {
  int64_t size = kFewestRows;
  while (size < rows) size = size % 3 == 0 ? size / 3 * 4 : size / 2 * 3;
  return size;
}

[[noreturn]] void no_room(const std::string& for_what) {
  throw Error(Fault::device, "cuda-memory",
              text("the GPU has not enough memory left for ", for_what,
                   ": end what else uses it, or use --device cpu"));
}

class OwnGraph {
 public:
  OwnGraph() = default;
  ~OwnGraph() {
    if (graph != nullptr) kernels::free_graph(graph);
  }
  OwnGraph(const OwnGraph&) = delete;
  OwnGraph& operator=(const OwnGraph&) = delete;

  kernels::Graph graph = nullptr;
};

// A tape with its memory and its graph.
class Run {
 public:
  Run(const Plan& plan, Shape shape, kernels::Stream stream)
      : memory_(bytes_of(plan, shape)), tape_(shape, memory_.data()), stream_(stream) {
    plan.lay(tape_);
    if (kernels::synchronous_launches) return;  // which cannot be recorded
    check(kernels::begin_graph(stream_));
    const kernels::Status launched = tape_.launch(stream_);
    const kernels::Status recorded = kernels::end_graph(stream_, &recording_.graph);
    check(launched);
    check(recorded);
    if (recording_.graph == nullptr) throw OutOfMemory();
  }
  std::vector<std::vector<float>> operator()(const std::vector<Piece>& pieces) {
    tape_.load(pieces, stream_);
    check(recording_.graph != nullptr ? kernels::run_graph(recording_.graph, stream_)
                                      : tape_.launch(stream_));
    return tape_.samples(pieces, stream_);
  }

 private:
  static size_t bytes_of(const Plan& plan, Shape shape) {
    Tape tape(shape, nullptr);
    plan.lay(tape);
    return tape.bytes();
  }

  Memory memory_;
  Tape tape_;
  kernels::Stream stream_;
  OwnGraph recording_;
};
using RunPtr = std::unique_ptr<Run>;

// The device, as this thread's.
class InUse {
 public:
  explicit InUse(int device) { check(kernels::use_device(device)); }
};

class OwnStream {
 public:
  OwnStream() { check(kernels::make_stream(&stream_)); }
  ~OwnStream() { kernels::free_stream(stream_); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  operator kernels::Stream() const { return stream_; }

 private:
  kernels::Stream stream_ = nullptr;
};

class CudaSampler : public flow::Sampler {
 public:
  CudaSampler(const flow::Model& model, const flow::ConditionShape& condition,
              const Options& options)
      : device_(options.device),
        in_use_(options.device),
        plan_(model, condition, options.precision) {}

  std::string device() const override {
    char name[256];
    check(kernels::device_name(device_, name));
    return name;
  }

  std::unique_ptr<flow::SampleStream> stream(flow::Latent latent) override;

  std::vector<std::vector<float>> whole(const Utterances& utterances) override {
    std::vector<std::vector<float>> sounds(utterances.size());
    for (size_t from = 0; from < utterances.size(); from += kMostSeries)
      side_by_side(utterances, from, std::min(utterances.size(), from + kMostSeries), sounds);
    return sounds;
  }

 private:
  friend class CudaStream;

  // Utterances [from, to): in one go, or, where memory is short, in two.
  void side_by_side(const Utterances& all, size_t from, size_t to,
                    std::vector<std::vector<float>>& sounds) {
    std::vector<Piece> pieces;
    int64_t rows = 0;
    for (size_t i = from; i < to; ++i) {
      const int64_t count = all[i]->condition.features.rows / plan_.condition_scale;
      pieces.push_back({0, count, count, &all[i]->condition, 0, &all[i]->latent});
      rows += (count + 1) / 2 * 2;
    }
    int series = 1;
    while (series < static_cast<int>(pieces.size())) series *= 2;
    const Shape shape{bucket(rows), series, false};
    try {
      RunPtr run = take(shape);
      std::vector<std::vector<float>> made = go(*run, pieces);
      std::move(made.begin(), made.end(), sounds.begin() + static_cast<std::ptrdiff_t>(from));
      give_back(shape, std::move(run));
      return;
    } catch (const OutOfMemory&) {
    }
    if (to - from > 1) {
      const size_t middle = from + (to - from) / 2;
      side_by_side(all, from, middle, sounds);
      side_by_side(all, middle, to, sounds);
      return;
    }
    if (!plan_.streams) no_room(text("an utterance of ", rows, " rows at once"));
    Threads none(1);
    sounds[from] = stream(all[from]->latent)->push(all[from]->condition, true, none);
  }

  std::vector<std::vector<float>> go(Run& run, const std::vector<Piece>& pieces) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const InUse here(device_);
    return run(pieces);
  }

  // A run of this shape, idle ones first. Where memory is short the idle ones of other shapes go.
  RunPtr take(Shape shape) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const InUse here(device_);
    std::vector<RunPtr>& idle = idle_[shape];
    if (!idle.empty()) {
      RunPtr run = std::move(idle.back());
      idle.pop_back();
      return run;
    }
    try {
      return std::make_unique<Run>(plan_, shape, stream_);
    } catch (const OutOfMemory&) {
      idle_.clear();
      return std::make_unique<Run>(plan_, shape, stream_);
    }
  }

  void give_back(Shape shape, RunPtr run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_[shape].push_back(std::move(run));
  }

  int device_;
  InUse in_use_;
  OwnStream stream_;
  Plan plan_;
  std::mutex mutex_;  // one piece of work at a time
  std::map<Shape, std::vector<RunPtr>> idle_;
};

// A series as it comes. Its arrays hold its past, so the run is its own while it lasts; the first
// piece decides about the shape.
class CudaStream : public flow::SampleStream {
 public:
  CudaStream(CudaSampler& sampler, flow::Latent latent)
      : sampler_(sampler), latent_(std::move(latent)) {}
  ~CudaStream() override {
    if (run_) sampler_.give_back(shape_, std::move(run_));
  }

  std::vector<float> push(const flow::RuntimeCondition& condition, bool last, Threads&) override {
    const int64_t rows = condition.features.rows / sampler_.plan_.condition_scale;
    if (!run_ && rows > 0) begin(rows);
    std::vector<float> samples;
    const int64_t total = done_ + rows;
    if (last) total_ = total;
    for (int64_t at = 0; at < rows;)
      at += piece(std::min(rows - at, shape_.rows), &condition, at, samples);
    // Nothing more comes in, but what the steps have held back comes out.
    if (last)
      while (run_ && done_ < total + sampler_.plan_.look_ahead)
        piece(std::min(total + sampler_.plan_.look_ahead - done_, shape_.rows), nullptr, 0,
              samples);
    return samples;
  }

 private:
  int64_t piece(int64_t count, const flow::RuntimeCondition* condition, int64_t row,
                std::vector<float>& samples) {
    const std::vector<float> made =
        sampler_.go(*run_, {{done_, count, total_, condition, row, &latent_}}).front();
    samples.insert(samples.end(), made.begin(), made.end());
    done_ += count;
    return count;
  }

  void begin(int64_t rows) {
    for (int64_t size = std::min(bucket(rows), kMostStreamRows);; size /= 2) {
      if (size < kFewestRows) no_room(text("pieces of ", kFewestRows, " rows"));
      shape_ = {size, 1, true};
      try {
        run_ = sampler_.take(shape_);
        return;
      } catch (const OutOfMemory&) {
      }
    }
  }

  CudaSampler& sampler_;
  flow::Latent latent_;
  RunPtr run_;
  Shape shape_{};
  int64_t done_ = 0, total_ = Piece::kUnknown;
};

std::unique_ptr<flow::SampleStream> CudaSampler::stream(flow::Latent latent) {
  return std::make_unique<CudaStream>(*this, std::move(latent));
}

}  // namespace

std::unique_ptr<flow::Sampler> make_sampler(const flow::Model& model,
                                            const flow::ConditionShape& condition,
                                            const Options& options) {
  try {
    return std::make_unique<CudaSampler>(model, condition, options);
  } catch (const OutOfMemory&) {
    no_room(text("the weights of ", model.spec.model));
  }
}

}  // namespace fluvox::cuda
