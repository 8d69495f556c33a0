#include "runtime/together.h"

#include <exception>
#include <iterator>
#include <utility>

namespace fluvox::runtime {
namespace {

// Of the conditions of one batch: 1 GB. They lie in memory anyway, but the GPU gets them at once.
constexpr size_t kMostValues = size_t{1} << 28;

size_t values_of(const flow::Sampler::Utterances& utterances) {
  size_t values = 0;
  for (const flow::Sampler::Utterance* one : utterances)
    values += one->condition.features.values.size() + one->condition.log_scale.values.size();
  return values;
}

}  // namespace

struct Together::Caller {
  const Utterances& utterances;
  std::vector<std::vector<float>> sounds = {};
  std::exception_ptr failure = {};
  bool done = false;
};

std::vector<std::vector<float>> Together::whole(const Utterances& utterances) {
  Caller me{utterances};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&me);
  changed_.wait(lock, [&] { return me.done || !at_work_; });
  if (!me.done) {
    // Nothing is at work: this thread sees to all that wait, itself among them.
    std::vector<Caller*> all;
    all.swap(waiting_);
    at_work_ = true;
    lock.unlock();
    for (size_t from = 0; from < all.size();) {
      size_t to = from, values = 0;
      do values += values_of(all[to++]->utterances);
      while (to < all.size() && values + values_of(all[to]->utterances) <= kMostValues);
      sample(std::span(all).subspan(from, to - from));
      from = to;
    }
    lock.lock();
    for (Caller* one : all) one->done = true;
    at_work_ = false;
    changed_.notify_all();
  }
  if (me.failure) std::rethrow_exception(me.failure);
  return std::move(me.sounds);
}

size_t Together::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

// Throws nothing: what fails is the callers' to hear.
void Together::sample(std::span<Caller* const> batch) {
  try {
    if (batch.size() == 1) {
      batch[0]->sounds = sampler_->whole(batch[0]->utterances);
      return;
    }
    Utterances together;
    for (const Caller* one : batch)
      together.insert(together.end(), one->utterances.begin(), one->utterances.end());
    std::vector<std::vector<float>> sounds = sampler_->whole(together);
    auto next = std::make_move_iterator(sounds.begin());
    for (Caller* one : batch) {
      const auto end = next + static_cast<std::ptrdiff_t>(one->utterances.size());
      one->sounds.assign(next, end);
      next = end;
    }
  } catch (...) {
    if (batch.size() == 1)
      batch[0]->failure = std::current_exception();
    else
      for (size_t i = 0; i < batch.size(); ++i) sample(batch.subspan(i, 1));
  }
}

}  // namespace fluvox::runtime
