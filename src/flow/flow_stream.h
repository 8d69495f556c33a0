// The flow's sampling direction on a series that comes in pieces: every step keeps what it still
// needs, so that nothing is computed twice and the memory does not depend on the length. The audio
// is, bit for bit, that of RuntimeFlow::inverse on the whole. Over bins what is long is cut into
// smaller pieces that go through the steps one behind the other, each step with a thread of its
// own.
//
//   FlowStream stream(flow, noise);
//   stream.push(condition, false, threads)   // its rows, one piece after another -> audio
//   stream.push(rest, true, threads)         // nothing follows: all that is left
#pragma once

#include <map>
#include <vector>

#include "flow/flow_runtime.h"
#include "flow/sampler.h"

namespace fluvox::flow {

class FlowStream : public SampleStream {
 public:
  FlowStream(const RuntimeFlow& flow, Noise noise);

  std::vector<float> push(const RuntimeCondition& condition, bool last, Threads& threads) override;

 private:
  struct Stage {
    StepStreamPtr step;  // null for a split
    int fold = 1;        // rows of the condition in a row of this step
    int leaving = 0;
    int joined = 1;         // rows of a split in a position of z
    int first_channel = 0;  // of z, that comes back at a split
    int64_t done = 0;       // rows that have passed a split
  };

  Grid pass(Stage& stage, Grid x, bool last, Threads& threads);
  Grid come_back(Stage& split, int rows) const;
  int pieces(int positions, const Threads& threads) const;

  Noise noise_;
  std::map<int, ConditionWindow> conditions_;  // by fold
  std::vector<Stage> stages_;                  // in the order of sampling
  std::vector<double> costs_;                  // multiply-adds of each
  int left_ = 0;                               // channels that come back at the splits
  int remaining_ = 0;                          // channels that enter the first stage
  int64_t positions_ = 0;                      // of z, so far
  int rows_of_position_ = 1;                   // of the condition
  int samples_ = 1;                            // of a position
  bool convoy_ = false;                        // whether long pieces are cut
};

}  // namespace fluvox::flow
