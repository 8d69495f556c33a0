// The threads of an emulated block, and the barriers where they meet: fibers, which take turns on
// one OS thread from barrier to barrier, lowest number first. So a block runs the same way every
// time, a barrier costs no more than so many switches, and where one is missing the lower threads
// read before the higher ones have written. Under ThreadSanitizer they are OS threads, so that it
// sees races.
#pragma once

#if defined(__SANITIZE_THREAD__)
#include <barrier>
#include <thread>
#else
#include <ucontext.h>
#endif

#include <cstddef>
#include <memory>
#include <vector>

namespace fluvox::emulation {

#if defined(__SANITIZE_THREAD__)

using Barrier = std::barrier<>;

template <class Resumed, class Body>
void run_threads(unsigned count, Resumed resumed, Body body) {
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < count; ++number)
    threads.emplace_back([&, number] {
      resumed(number);
      body();
    });
  for (std::thread& thread : threads) thread.join();
}

#else

class Fibers {
 public:
  template <class Resumed, class Body>
  void run(unsigned count, Resumed resumed, Body body) {
    while (fibers_.size() < count) fibers_.push_back(std::make_unique<Fiber>());
    body_ = &body;
    call_ = [](void* b) { (*static_cast<Body*>(b))(); };
    running_ = this;
    for (unsigned number = 0; number < count; ++number) start(*fibers_[number]);
    for (unsigned left = count; left > 0;)
      for (unsigned number = 0; number < count; ++number) {
        current_ = fibers_[number].get();
        if (current_->ended) continue;
        resumed(number);
        swapcontext(&main_, &current_->context);
        if (current_->ended) --left;
      }
  }

  // Lets the others take their turns.
  static void yield() { swapcontext(&running_->current_->context, &running_->main_); }

 private:
  static constexpr std::size_t kStack = 256 * 1024;
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<std::byte[]> stack{new std::byte[kStack]};
    bool ended = false;
  };

  void start(Fiber& fiber) {
    fiber.ended = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = &main_;
    makecontext(
        &fiber.context, [] { running_->live(); }, 0);
  }

  void live() {
    call_(body_);
    current_->ended = true;
  }

  static inline thread_local Fibers* running_ = nullptr;
  std::vector<std::unique_ptr<Fiber> > fibers_;
  Fiber* current_ = nullptr;
  ucontext_t main_;
  void* body_ = nullptr;
  void (*call_)(void*) = nullptr;
};

class Barrier {
 public:
  explicit Barrier(unsigned expected) : expected_(expected) {}
  void arrive_and_wait() {
    const unsigned round = round_;
    ++arrived_;
    release();
    while (round == round_) Fibers::yield();
  }
  void arrive_and_drop() {
    --expected_;
    release();
  }

 private:
  void release() {
    if (arrived_ < expected_) return;
    arrived_ = 0;
    ++round_;
  }
  unsigned expected_, arrived_ = 0, round_ = 0;
};

// body() for each thread. resumed(number) is called before a thread begins or goes on.
template <class Resumed, class Body>
void run_threads(unsigned count, Resumed resumed, Body body) {
  static thread_local Fibers fibers;
  fibers.run(count, resumed, body);
}

#endif

}  // namespace fluvox::emulation
