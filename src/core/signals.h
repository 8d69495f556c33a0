// SIGINT and SIGTERM: the first one only sets a flag, which loops poll between items or steps;
// a second one aborts at once, removing what atomic files have half-written. SIGPIPE is ignored:
// a write to a closed pipe then throws ClosedPipe (core/output.h). So is SIGXFSZ: a file at its
// limit is a failed write like any other.
#pragma once

namespace fluvox {

// Not a std::exception, so that a handler for one failed item does not swallow it. main ends the
// program with 128 + signal.
struct Interrupted {
  int signal;
};

void install_signal_handlers();

// The first signal caught since the handlers were installed, or 0.
int caught_signal() noexcept;

// Throws Interrupted once a signal was caught.
void throw_if_interrupted();

}  // namespace fluvox
