// A GPU that samples a flow (flow/sampler.h). One utterance's way through it:
//
//   1. plan.h     when the model is loaded: its steps backwards, weights folded and packed there
//   2. whole()    utterances of any lengths stand side by side, without padding, as many as fit;
//                 stream() takes the rows as they come, and each array keeps what later rows still
//                 look back at
//   3. Run        the arrays and launches for so many rows (tape.h), as one CUDA graph; made once
//                 for each shape and kept for the next piece of about that size
//   4. run()      tables and condition go there, the graph runs, samples come back
//
// A row's bits depend on that row alone, so neither company nor pieces change them. Where memory is
// short, batches are halved, then pieces, with the same bits; it is an error when the smallest do
// not fit. Noise is drawn on the GPU by the CPU's addresses, bit for bit.
#pragma once

#include <memory>
#include <string>

#include "cuda/precision.h"
#include "flow/model_file.h"
#include "flow/sampler.h"

namespace fluvox::cuda {

struct Options {
  int device = 0;
  Precision precision = Precision::fp32;
};

// `condition`: of the model's flow::RuntimeFlow, which it has passed.
std::unique_ptr<flow::Sampler> make_sampler(const flow::Model& model,
                                            const flow::ConditionShape& condition,
                                            const Options& options = {});

}  // namespace fluvox::cuda
