// One shape of work on the GPU: the arrays it needs and the launches that it is made of, in their
// order. Both are laid out once, for at most so many rows of so many series; which rows there are
// stands in tables on the device, so that the same launches (one CUDA graph) serve every length up
// to that.
//
// A step that looks ahead holds rows back. In a stream its rows are `delay` positions behind those
// that come in, so that a piece of n rows that begins at position P makes rows [P - delay, P + n -
// delay) of it, cut to those that the series has; and arrays keep the last rows (`past`) of the
// piece before. Series that are there as a whole need neither: every delay is 0. The origin O is P
// rounded down to even, so that pairs of frames stay pairs.
//
//   row r of an array with delay d, counted from rows.at(d), stands for position O - d + r
//
// A flow that squeezes between its steps has several rows to a position of z in some of them:
// `scale` says how many. Their delays, pasts and spans are counted in these rows, and row r above
// stands for row scale O - d + r of the series.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flow/sampler.h"
#include "kernels/flow_rows.h"
#include "kernels/span.h"
#include "kernels/status.h"

namespace fluvox::cuda {

struct Shape {
  int64_t rows;  // at most, of positions
  int series;    // at most
  bool streaming;
  auto operator<=>(const Shape&) const = default;
};

// [past + rows][width]
template <class T>
struct Rows {
  T* data = nullptr;
  int width = 0;
  int64_t delay = 0, past = 0;

  T* at(int64_t later) const { return data + (past - (later - delay)) * width; }
};

// A part of a series that is made now: positions [first, first + count), of `total` in all.
struct Piece {
  static constexpr int64_t kUnknown = int64_t{1} << 40;
  int64_t first = 0, count = 0, total = kUnknown;
  const flow::RuntimeCondition* condition = nullptr;  // nullptr: beyond the end
  int64_t condition_row = 0;                          // of it, where the piece begins
  const flow::Latent* latent = nullptr;
};

class Tape {
 public:
  // base: nullptr to find out how many bytes it takes, then as many of them on the device.
  Tape(Shape shape, std::byte* base) : shape_(shape), base_(base) {}

  // While it is laid out:

  // Rows to a position in all that follows.
  void set_scale(int scale) { scale_ = scale; }
  int scale() const { return scale_; }
  // `lag` of a step in a stream; 0 where series are whole
  int64_t lag(int64_t lag) const { return shape_.streaming ? lag : 0; }
  // Arrays that share a slot share their memory where they keep nothing from piece to piece. unit
  // 2: of pairs of rows, delay and past too.
  template <class T>
  Rows<T> rows(int width, int64_t delay, int64_t past, const std::string& slot, int unit = 1) {
    const auto row_bytes = static_cast<int64_t>(sizeof(T)) * width;
    if (!shape_.streaming) past = 0;
    void* data = array(row_bytes, past, slot, unit);
    return {static_cast<T*>(data), width, delay, past};
  }
  // The rows that are made with this delay.
  const kernels::Span* spans(int64_t delay);
  // Of pairs of frames, those whose changed frame is made: the even ones where the odd are kept.
  const kernels::Span* pair_spans(int64_t delay, int keep);
  // Numbers of a step's own for each series; they stay from piece to piece.
  float* state(int64_t numbers);
  void draw(const Rows<float>& z, int column, int first_channel, int channels);
  void add(std::function<kernels::Status(kernels::Stream)> launch) {
    launches_.push_back(std::move(launch));
  }
  // launch(spans, series, rows, stream), over the rows that are made with this delay
  template <class Launch>
  void over(int64_t delay, Launch launch) {
    add([=, spans = spans(delay), series = series(), rows = rows_at_most()](
            kernels::Stream stream) { return launch(spans, series, rows, stream); });
  }

  // The condition's features, or a part of them, rounded to T for the nets, one array for all of
  // them, at the condition's scale; and whether it is new, so that somebody has to fill it.
  template <class T>
  std::pair<Rows<T>, bool> rounded_features(const std::string& part, int width) {
    const auto [found, fresh] = rounded_.emplace(part, nullptr);
    const int64_t past = lag(look_ahead * condition_scale);
    if (fresh) found->second = array(int64_t{sizeof(T)} * width, past, "features " + part, 1);
    return {{static_cast<T*>(found->second), width, 0, past}, fresh};
  }

  int64_t look_ahead = 0;  // of all steps together, in positions
  // What comes from the host: rows of the condition, delay 0.
  int condition_scale = 1;
  Rows<float> features, log_scale;
  Rows<float> audio;
  void finish();  // after the last launch

  // When it is there:

  size_t bytes() const { return used_; }
  int64_t rows_at_most() const { return scale_ * shape_.rows; }
  int series() const { return shape_.series; }
  kernels::Status launch(kernels::Stream stream) const;
  // Fills the tables and the arrays that come from the host.
  void load(const std::vector<Piece>& pieces, kernels::Stream stream);
  // The rows of audio that the pieces made.
  std::vector<std::vector<float>> samples(const std::vector<Piece>& pieces,
                                          kernels::Stream stream) const;

 private:
  static constexpr size_t kFirst = 256;  // so that no array begins at nullptr
  struct SpanKind {
    int64_t delay;
    int keep;  // of pairs; -1: rows
    int scale;
    auto operator<=>(const SpanKind&) const = default;
  };
  struct Draw {
    int first_channel, channels;
    SpanKind rows;
    float* given;
  };

  static int64_t origin(const Piece& piece) { return piece.first / 2 * 2; }
  // Rows [lo, hi) of the series that the piece makes.
  static std::pair<int64_t, int64_t> made(const Piece& piece, SpanKind kind);
  static std::vector<float> noise_of(const flow::Latent& latent, const Draw& draw, int64_t from,
                                     int64_t to);
  std::vector<int64_t> bases(const std::vector<Piece>& pieces) const;
  static kernels::Span span_of(const Piece& piece, int64_t base, SpanKind kind);

  void* take(int64_t bytes);
  void* array(int64_t row_bytes, int64_t past, const std::string& slot, int unit);
  const kernels::Span* table(SpanKind kind);

  Shape shape_;
  int scale_ = 1, audio_scale_ = 1;
  std::byte* base_;
  size_t used_ = kFirst;
  std::map<std::string, void*> rounded_;
  std::map<std::string, void*> slots_;
  std::map<SpanKind, kernels::Span*> kinds_;
  std::vector<kernels::DrawnSpan*> draw_tables_;
  std::vector<Draw> draws_;
  std::vector<kernels::Past> pasts_;
  kernels::Past* past_table_ = nullptr;
  std::ptrdiff_t* moved_ = nullptr;
  std::vector<std::function<kernels::Status(kernels::Stream)>> launches_;
};

}  // namespace fluvox::cuda
