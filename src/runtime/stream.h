// Rendering as it is asked for: frames of mel go in as they come, samples are made when they are
// pulled. The audio is, bit for bit, that of Session::render on the whole; the memory does not
// depend on the length.
//
//   Stream stream(session, {.seed = 1});
//   stream.push(some_frames);  ...  stream.finish();
//   while (size_t n = stream.pull(buffer)) play(buffer.first(n));
//
// One thread at a time. The session must outlive its streams.
#pragma once

#include <memory>
#include <span>

#include "runtime/session.h"

namespace fluvox::runtime {

class Stream {
 public:
  // Refuses a model that needs the whole utterance (Session::streams).
  explicit Stream(const Session& session, const RenderOptions& options = {});
  ~Stream();

  void push(const mel::Mel& frames);
  void finish();  // no more frames will come
  // Fills the front of `to` and returns how many samples it holds: fewer than asked for where more
  // frames are needed first, 0 at the end.
  size_t pull(std::span<float> to);
  bool ended() const;  // finished, and everything has been pulled
  void cancel();       // drops what is waiting; pull gives nothing any more

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fluvox::runtime
