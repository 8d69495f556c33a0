// How far a copy is from its recording, in numbers. Both have the same length and rate.
//
// PESQ and the like hear little of the phase; of these, the periodicities (report/periodicity.h)
// tell most of it. See docs/evaluation.md on how to read them.
#pragma once

#include <span>
#include <vector>

#include "mel/mel.h"
#include "report/f0.h"

namespace fluvox::report {

// The mel that the next two compare, whatever the model's own: natural logarithms of 80 bands up to
// 8 kHz (or half the rate), windows of about 46 ms, four of them overlapping. At 22,050 Hz it is
// `tacotron2`.
mel::Convention compared_mel(int rate);

// mean |ln a - ln b| over all bands and frames
double log_mel_distance(const mel::Mel& a, const mel::Mel& b);

// Mel-cepstral distortion, in dB: the mean over frames of
//   10 / ln 10  sqrt(2 sum over m = 1 .. 24 of (c_m - c'_m)^2),
//   c_m = 2/B sum over bands b of L_b cos(pi m (b + 1/2) / B),   L = ln mel
// c are the coefficients of L = c_0 + sum c_m cos(m theta): with c_0, the level, it would be the
// root mean square difference of the smoothed envelopes in dB. Frames whose mean power in the
// recording lies more than 40 dB below the loudest are left out. Nothing is warped in time.
double mel_cepstral_distortion(const mel::Mel& recording, const mel::Mel& copy);

// Multi-resolution STFT distance (R. Yamamoto et al. 2020): the mean over three resolutions (fft,
// hop, window) = (1024, 120, 600), (2048, 240, 1200), (512, 50, 240) of
//   || |A| - |B| || / || |A| ||  +  mean | ln |A| - ln |B| |,   |X|^2 at least 1e-7
// with A of the recording, and Frobenius norms.
double stft_distance(std::span<const float> recording, std::span<const float> copy);

struct PitchError {
  double cents = 0;  // median |1200 log2 (f' / f)| where both are voiced; NaN where that is nowhere
  double voicing = 0;  // share of the frames that are voiced in one and not in the other
};
PitchError pitch_error(const PitchTrack& recording, const PitchTrack& copy);

// How far tones at the multiples of rate / group stand out, in dB: over k = 1 .. group/2 - 1 the
// greatest
//   10 log10( P[k N/group] / median of P at 3 to 10 bins to either side )
// with P the mean power of N = 4096-point Hann windows within the sound, half overlapping. A flow
// that squeezes audio into groups leaves its tones there. group: a power of two, 4 to 512.
double tone_excess(std::span<const float> samples, int rate, int group);

}  // namespace fluvox::report
