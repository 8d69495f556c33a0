// Triangular mel filters over the bins of an FFT, stored sparse: out[band] = sum over bins of
// weight * in. Edges are equally spaced in mel from fmin to fmax; filter b rises from edge b to
// edge b + 1 and falls to edge b + 2. Slaney's norm gives each the area 1 in Hz.
//   Slaney: linear (3 mel per 200 Hz) to 1 kHz, then 27 mel for each factor of 6.4.
//   HTK:    2595 log10(1 + f / 700).
#pragma once

#include <span>
#include <vector>

#include "mel/convention.h"

namespace fluvox::mel {

class Filterbank {
 public:
  explicit Filterbank(const Convention& c);

  int bands() const { return static_cast<int>(rows_.size()); }
  // in[bins], out[bands]
  void apply(const double* in, double* out) const;
  // weight of a bin in a band
  double weight(int band, int bin) const;
  // sum of a band's weights over the bins; 0 for a filter that lies between two bins
  double sum(int band) const;

 private:
  struct Row {
    int first = 0;     // its first bin
    size_t begin = 0;  // its weights in weights_
    size_t end = 0;
  };
  std::vector<Row> rows_;
  std::vector<double> weights_;
};

// bands + 2 frequencies in Hz: the edges and centres of the filters.
std::vector<double> band_edges(const Convention& c);
// The peak of each filter in Hz.
std::vector<double> band_centres(const Convention& c);
// ln of the sum of each filter's weights over the bins: what a flat spectrum of magnitude 1 gives.
// A filter that holds no bin has the area of its triangle in bins instead, so every value is
// finite.
std::vector<double> log_filter_sum(const Convention& c);

}  // namespace fluvox::mel
