// Lapped transform: the orthonormal MDCT, as a squeeze whose blocks overlap. log-det 0 (an
// orthogonal matrix). With N = hop, block f = samples [N f, N f + N), borders at N f:
//   1. butterflies at every inner border, i = 0 .. N/2 - 1, angle a_i = pi/(4N) (N + 2 i + 1):
//        right = x[N f + i], left = x[N f - 1 - i]
//        x[N f + i]     <-  sin(a_i) right + cos(a_i) left
//        x[N f - 1 - i] <-  sin(a_i) left  - cos(a_i) right
//   2. DCT-IV of every block:  X[k] = sqrt(2/N) sum_n x[n] cos(pi/N (n + 1/2) (k + 1/2))
//   3. sign: times (-1)^(k f), which makes a steady tone look alike at every bin.
// No overlap at the ends of the clip, so it is exact there too.
// Shapes: x [1, N F] -> z [N, F]. In the spec: {"kind": "lapped", "hop": 256}.
#pragma once

#include <vector>

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct Lapped {
  int hop = 256;
};

template <class Visitor>
void fields(Visitor& v, Lapped& s) {
  v("hop", s.hop, "samples in a block", Range{2, 8192});
}

// The DCT-IV matrix [n][k] (symmetric, its own inverse) and the butterflies' sines and cosines [N /
// 2].
std::vector<double> dct4_matrix(int n);
std::vector<double> lapped_sines(int n);
std::vector<double> lapped_cosines(int n);

TorchStepPtr make_torch(const Lapped&);
RuntimeStepPtr make_runtime(const Lapped&, Weights&);

}  // namespace fluvox::flow
