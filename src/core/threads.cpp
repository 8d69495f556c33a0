#include "core/threads.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <system_error>
#include <utility>

namespace fluvox {
namespace {

thread_local bool inside_task = false;

// One piece of work often follows another within microseconds, and a thread that sleeps takes
// longer than that to wake. So whoever waits looks for what it waits for a while before it sleeps.
template <class Condition>
void look_for(const Condition& condition) {
  constexpr auto kPatience = std::chrono::microseconds(50);
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 32; ++i) {
      if (condition()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() - start < kPatience);
}

}  // namespace

struct Threads::Job {
  struct alignas(64) Share {  // indices [next, end) are left; alone on its cache line
    std::atomic<int> next{0};
    int end = 0;
  };

  Job(const std::function<void(int)>& fn_, int count, int threads)
      : fn(fn_), shares(static_cast<size_t>(threads)), failed(count) {
    for (int i = 0; i < threads; ++i) {
      shares[static_cast<size_t>(i)].next = part(count, i, threads);
      shares[static_cast<size_t>(i)].end = part(count, i + 1, threads);
    }
  }
  static int part(int count, int i, int threads) {
    return static_cast<int>(int64_t{count} * i / threads);
  }

  const std::function<void(int)>& fn;
  std::vector<Share> shares;  // of the caller, then of each worker
  std::atomic<int> failed;    // the lowest index that threw, else count
  std::mutex mutex{};
  std::exception_ptr error{};
};

Threads::Threads(int n) {
  if (n <= 0) n = default_threads();
  try {
    for (int i = 1; i < n; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error&) {
    // The system grants no more threads; those that exist do the work.
  }
}

Threads::~Threads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ++generation_;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Threads::take_part(Job& job, int number) {
  const bool outer = std::exchange(inside_task, true);
  const size_t threads = job.shares.size();
  for (size_t other = 0; other < threads; ++other) {
    Job::Share& share = job.shares[(static_cast<size_t>(number) + other) % threads];
    while (true) {
      const int i = share.next.fetch_add(1);
      // A share is handed out in order: all of it below the lowest failure have been started.
      if (i >= share.end || i >= job.failed.load()) break;
      try {
        job.fn(i);
      } catch (...) {
        const std::lock_guard lock(job.mutex);
        if (i < job.failed.load()) {
          job.failed = i;
          job.error = std::current_exception();
        }
      }
    }
  }
  inside_task = outer;
}

void Threads::work(int number) {
  unsigned long seen = 0;
  std::unique_lock lock(mutex_, std::defer_lock);
  while (true) {
    look_for([&] { return generation_ != seen; });
    lock.lock();
    wake_.wait(lock, [&] { return stopping_ || (job_ && generation_ != seen); });
    if (stopping_) return;
    seen = generation_;
    Job& job = *job_;
    ++busy_;
    lock.unlock();
    take_part(job, number);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
    lock.unlock();
  }
}

void Threads::run(int count, const std::function<void(int)>& fn) {
  if (inside_task || workers_.empty() || count <= 1) {
    for (int i = 0; i < count; ++i) fn(i);
    return;
  }
  const std::lock_guard one_at_a_time(callers_);
  Job job(fn, count, size());
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    ++generation_;
  }
  wake_.notify_all();
  take_part(job, 0);
  {
    const std::lock_guard lock(mutex_);
    job_ = nullptr;  // a worker that wakes late finds nothing
  }
  look_for([&] { return busy_ == 0; });
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
  }
  if (job.error) std::rethrow_exception(job.error);
}

void Threads::convoy(int pieces, const std::vector<double>& costs,
                     const std::function<void(int piece, int stage)>& step) {
  struct Stage {
    int owner = 0;
    int left = 0;  // pieces that have left it
    bool at_work = false;
  };
  const int crew = std::min(size(), pieces);
  std::vector<Stage> stages(costs.size());
  if (crew == 0 || stages.empty()) return;
  const double all = std::accumulate(costs.begin(), costs.end(), 0.0);
  double before = 0;
  for (size_t s = 0; s < stages.size(); before += costs[s++])
    if (all > 0)
      stages[s].owner = std::min(static_cast<int>(crew * (before + costs[s] / 2) / all), crew - 1);

  std::mutex mutex;            // of the stages and of what follows
  std::atomic<int> moves = 0;  // also looked at without it
  bool failed = false;
  const auto ready = [&](size_t s) {
    const int come = s == 0 ? pieces : stages[s - 1].left;
    return !stages[s].at_work && stages[s].left < come;
  };
  // The furthest stage where a piece waits, so that others get something to do.
  const auto next = [&](int me) {
    for (const bool own : {true, false})
      for (size_t s = stages.size(); s-- > 0;)
        if ((stages[s].owner == me) == own && ready(s)) return s;
    return stages.size();
  };
  const auto moved = [&] {
    ++moves;
    moves.notify_all();
  };
  run(crew, [&](int me) {
    std::unique_lock lock(mutex);
    while (!failed && stages.back().left < pieces) {
      const size_t s = next(me);
      if (s == stages.size()) {
        const int seen = moves;
        lock.unlock();
        look_for([&] { return moves != seen; });
        moves.wait(seen);
        lock.lock();
        continue;
      }
      const int piece = stages[s].left;
      stages[s].at_work = true;
      lock.unlock();
      try {
        step(piece, static_cast<int>(s));
      } catch (...) {
        lock.lock();
        failed = true;  // the stage stays at work: no piece overtakes this one
        moved();
        throw;
      }
      lock.lock();
      stages[s].at_work = false;
      ++stages[s].left;
      moved();
    }
  });
}

int default_threads() {
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace fluvox
