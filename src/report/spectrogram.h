// The level of a sound over time and frequency, one value a pixel. However long the sound, only as
// many frames are analysed as the columns can show, so memory and time are bounded.
//
//   level = 20 log10(|X[k]| / (sum of window / 2)): a full-scale sine is at 0 dB
#pragma once

#include <span>

#include "report/raster.h"

namespace fluvox::report {

constexpr double kLeastLevel = -140;  // dB, of silence

struct View {
  int columns, rows;
  double seconds;  // shared evenly by the columns; frames are centred in them
  double top;      // Hz, of the upper edge of row 0; the lowest row starts at 0
  int window;      // samples of a periodic Hann
  int fft;         // bins interpolate where it is longer than the window
};

// A column of many windows' length shows the mean power of up to 32 of them; a row that holds
// several bins shows the loudest. Samples that are not finite count as silence; columns past the
// end of the sound stay empty.
Raster spectrogram(std::span<const float> samples, int rate, const View& view);

// About 46 ms, a power of two: 1024 at 22.05 kHz.
int window_for(int rate);

}  // namespace fluvox::report
