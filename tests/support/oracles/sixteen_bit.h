// B10: 16-bit audio in [-1, 1), each sample made continuous by uniform noise over its step of
// 1 / 32768. One value of the integers has probability P <= 1 and density P * 2^15, so for every
// proper density p and every recording
//   E_u[log p(x + u)] <= log of the mean of p over the step <= 15 ln 2 nats a sample
// Anything higher is a fault of the density.
#pragma once

#include <numbers>

namespace fluvox::oracles {

inline constexpr double kSixteenBitBound = 15 * std::numbers::ln2;  // 10.397

}  // namespace fluvox::oracles
