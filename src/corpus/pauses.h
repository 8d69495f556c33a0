// Where a recording pauses: to take silence off its ends and to cut long ones.
//
//   level of frame k   10 log10(mean square of its 10 ms), dB
//   quiet              below the level of pauses: floor + 0.3 (loud - floor), but from 20 to 50 dB
//                      below loud, where loud is the level that 5% of the frames exceed and floor
//                      the one that 95% do; so hiss under the speech is quiet too
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fluvox::corpus {

struct Piece {
  size_t first = 0, last = 0;  // samples, last not included
  size_t size() const { return last - first; }
};

// From 0.1 s before the first frame that is not quiet to 0.1 s after the last.
Piece without_silence(std::span<const float> samples, int rate);

// Pieces of at most `seconds` each, and of a third of that at least, that together are the whole. A
// cut lies in the middle of the longest pause within these bounds; without a pause, where 50 ms are
// quietest.
std::vector<Piece> cut_at_pauses(std::span<const float> samples, int rate, double seconds);

}  // namespace fluvox::corpus
