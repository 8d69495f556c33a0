// Plays samples on a sound device as they are made, through PortAudio.
//
//   Player player(22050);
//   while (...) player.write(samples);   // waits while the buffer is full
//   player.finish();                     // until the last sample has been heard
//
// The device's callback reads a lock-free ring and atomics and nothing else. The ring holds half a
// minute, so that whoever makes the samples may run ahead and then be busy elsewhere. Playing
// starts once it holds a little more than the device's latency, or as much as prebuffer() asks for.
// A device that refuses the rate gets resampled sound, one that refuses a single channel gets it
// twice. Waiting ends with Interrupted on a signal (core/signals.h) and with an Error when the
// device goes away.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fluvox::audio {

struct AudioDevice {
  int index = 0;  // for PlayerOptions
  std::string name, host;
  int channels = 0;
  int rate = 0;                              // its default
  double low_latency = 0, high_latency = 0;  // seconds
  bool is_default = false;
};

// The devices that can play. `verbose` lets through what the sound libraries write to stderr.
std::vector<AudioDevice> list_devices(bool verbose = false);

struct PlayerOptions {
  int device = -1;     // index of list_devices(); -1: the default
  double latency = 0;  // seconds; 0: the device's own for robust playing, at least 0.2
  bool verbose = false;
};

inline constexpr double kMostPrebuffer = 30;  // seconds

struct PlayerStats {
  std::uint64_t frames_played = 0;   // handed to the device, in samples of the rate given
  std::uint64_t starved_frames = 0;  // silence handed to it because no sample was there in time
  std::uint64_t underruns = 0;       // times that the device itself ran dry: frames were lost
};

class Player {
 public:
  explicit Player(int rate, const PlayerOptions& options = {});
  ~Player();  // stops at once; what was not played is dropped
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Before the first write: begin only when so many seconds are there, beyond the device's latency.
  // At most kMostPrebuffer.
  void prebuffer(double seconds);
  void write(std::span<const float> samples);
  void finish();

  PlayerStats stats() const;
  const std::string& device_name() const;
  int device_rate() const;
  double latency() const;  // seconds from the ring to the ear, as the device reports it

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace fluvox::audio
