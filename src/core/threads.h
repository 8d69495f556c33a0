// A fixed pool of threads. Work is split by index, and what an index computes must not depend on
// who computes it, so results are the same for every number of threads.
//
// Every thread begins with a share of its own, neighbours side by side, and helps the others when
// it is done. So what one run() leaves in a core's cache is there for the same indices in the next.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fluvox {

class Threads {
 public:
  // n threads in all, the caller of run() included; 0 means default_threads(). Where the system
  // grants fewer, the pool has fewer.
  explicit Threads(int n = 0);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // fn(0) ... fn(count - 1), each once, in any order and at once; returns when all are done. When
  // some throw, the exception of the lowest index is thrown again here, and indices above it may
  // have been left out. Called from inside a task it runs inline, in order.
  void run(int count, const std::function<void(int)>& fn);

  // step(piece, stage) for every piece of a series and every stage that it passes, the pieces in
  // their order at each stage. A stage belongs to one thread, neighbouring stages to the same one,
  // so that what a stage keeps stays in one core's cache; a thread that has nothing to do at its
  // own helps at another's. costs: what a piece takes at each stage, in any unit. When some step
  // throws, the rest may be left out, and its exception is thrown again here.
  void convoy(int pieces, const std::vector<double>& costs,
              const std::function<void(int piece, int stage)>& step);

 private:
  struct Job;
  void work(int number);
  static void take_part(Job& job, int number);

  std::vector<std::thread> workers_;
  std::mutex callers_;  // one run() at a time
  std::mutex mutex_;    // of what follows; the atomic ones are also looked at without it
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  std::atomic<unsigned long> generation_ = 0;  // of jobs, the end of the pool being the last one
  std::atomic<int> busy_ = 0;
  bool stopping_ = false;
};

// The processors that this process may use, at least 1.
int default_threads();

}  // namespace fluvox
