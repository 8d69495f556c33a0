// The pictures of `fluvox plot` and of training reports: 1200 pixels wide, white, titles above.
// Sounds may be of one sample or of hours; samples that are not finite count as silence. No sound
// at all is an error.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mel/mel.h"
#include "report/image.h"

namespace fluvox::report {

// The wave above the spectrogram.
Image plot_sound(std::span<const float> samples, int rate, const std::string& title);

// Two spectrograms, one above the other on common scales, and the second less the first.
Image plot_compared(std::span<const float> a, std::span<const float> b, int rate,
                    const std::string& title_a, const std::string& title_b);

// The pitch over the spectrogram of the lowest kilohertz.
Image plot_pitch(std::span<const float> samples, int rate, const std::string& title);

// A mel spectrogram in the units of its convention.
Image plot_mel(const mel::Mel& mel, const mel::Convention& convention, const std::string& title);

// Two mels of one convention, one above the other on common scales, and the second less the first;
// the colours of the difference reach a factor of ten either way.
Image plot_mels_compared(const mel::Mel& a, const mel::Mel& b, const mel::Convention& convention,
                         const std::string& title_a, const std::string& title_b);

// A line of points, in order; a point that is not finite makes a gap.
struct Series {
  std::string name;
  std::vector<double> x, y;
};
Image plot_curves(const std::vector<Series>& series, const std::string& x_label,
                  const std::string& y_label, const std::string& title = "");

}  // namespace fluvox::report
