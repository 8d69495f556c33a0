// A mel convention: every choice between a waveform and the numbers of a mel file. A vocoder that
// is fed the wrong one makes noise, so it travels whole inside model files and beside every mel we
// write.
//
//   X      = STFT of the audio (window centred in fft, frames every hop samples, see `centred`)
//   p      = max(|X|^2 + power_epsilon, power_floor)
//   x      = filters (bands x bins) . (sqrt(p) or p)
//   v      = gain * log(max(x, floor)) + offset            log: ln, log10 or decibels
//   v      = clamp(v, clip_low, clip_high)                 where `clipped`
//   value  = (v - mean[band]) / deviation[band]            where statistics are given
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace fluvox::mel {

// The defaults are `tacotron2`, the convention of WaveGlow.
struct Convention {
  std::string name = "tacotron2";
  int sample_rate = 22050;
  int fft = 1024;
  int hop = 256;
  int window = 1024;                   // its length; it is centred within fft
  std::string window_kind = "hann";    // hann (periodic) | hann-symmetric
  bool centred = true;                 // true: pads fft/2; false: pads (fft - hop)/2
  std::string edge = "reflect";        // what the padding holds: reflect | zero
  std::string quantity = "magnitude";  // what the filters sum: magnitude | power
  double power_epsilon = 0;            // added to |X|^2
  double power_floor = 0;              // and then its least value
  int bands = 80;
  double fmin = 0;
  double fmax = 8000;
  std::string scale = "slaney";  // slaney | htk
  std::string norm = "slaney";   // slaney (each filter's area is 1) | none (each peak is 1)
  std::string log = "ln";        // ln | log10 | db (20 log10 of magnitude, 10 log10 of power)
  double floor = 1e-5;           // the least value that is taken the log of
  double gain = 1;
  double offset = 0;
  bool clipped = false;
  double clip_low = 0;
  double clip_high = 0;
  std::vector<double> mean;  // by band; empty: no statistics
  std::vector<double> deviation;
  std::string layout = "bands-frames";  // of its files: bands-frames (80,T) | frames-bands (T,80)
};

template <class Visitor>
void fields(Visitor& v, Convention& c) {
  v("name", c.name, "what people call it");
  v("sample_rate", c.sample_rate, "samples a second", Range{1000, 768000});
  v("fft", c.fft, "length of the transform: even, no prime factor above 5", Range{16, 65536});
  v("hop", c.hop, "samples from frame to frame", Range{16, 65536});
  v("window", c.window, "length of the window, centred within fft", Range{2, 65536});
  v("window_kind", c.window_kind, "periodic or symmetric Hann", OneOf{"hann", "hann-symmetric"});
  v("centred", c.centred, "pad fft/2 on either side; false: (fft - hop)/2");
  v("edge", c.edge, "what the padding holds", OneOf{"reflect", "zero"});
  v("quantity", c.quantity, "what the filters sum", OneOf{"magnitude", "power"});
  v("power_epsilon", c.power_epsilon, "added to the power of a bin", Range{0, 1});
  v("power_floor", c.power_floor, "least power of a bin", Range{0, 1});
  v("bands", c.bands, "mel bands", Range{1, 1024});
  v("fmin", c.fmin, "lower edge of the first filter in Hz", Range{0, 384000});
  v("fmax", c.fmax, "upper edge of the last filter in Hz", Range{0, 384000});
  v("scale", c.scale, "mel scale", OneOf{"slaney", "htk"});
  v("norm", c.norm, "slaney: the area of a filter is 1; none: its peak is 1",
    OneOf{"slaney", "none"});
  v("log", c.log, "logarithm", OneOf{"ln", "log10", "db"});
  v("floor", c.floor, "least value that the logarithm is taken of", Range{1e-30, 1e3});
  v("gain", c.gain, "multiplies the logarithm", Range{1e-6, 1e6});
  v("offset", c.offset, "added after the gain", Range{-1e6, 1e6});
  v("clipped", c.clipped, "limit the result to clip_low .. clip_high");
  v("clip_low", c.clip_low, "lower limit", Range{-1e6, 1e6});
  v("clip_high", c.clip_high, "upper limit", Range{-1e6, 1e6});
  v("mean", c.mean, "mean of each band, taken away; [] for none");
  v("deviation", c.deviation, "deviation of each band, divided by; [] for none");
  v("layout", c.layout, "of its files", OneOf{"bands-frames", "frames-bands"});
}

// The convention of that name, or a refusal that suggests the nearest.
Convention convention(std::string_view name);
const std::vector<std::string>& names();

// Refuses bounds and combinations that make no sense; `where` starts the message.
void validate(const Convention& c, const std::string& where);
// Reads every field and validates: for untrusted JSON.
Convention convention_from_json(const Json& json, const std::string& where);

// What differs in the numbers they give, "fmax 8000 against 7600, log ln against log10", or "" when
// nothing does. The name and the layout of the files change no number and are not compared.
std::string describe_difference(const Convention& a, const Convention& b);

// How many frames `samples` samples give; at least 1. Centred: 1 + floor(samples / hop).
size_t frame_count(const Convention& c, size_t samples);

}  // namespace fluvox::mel
