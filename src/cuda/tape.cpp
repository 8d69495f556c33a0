#include "cuda/tape.h"

#include <algorithm>

#include "cuda/memory.h"

namespace fluvox::cuda {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kPair = 2;  // a stream's origin lags behind by a frame at most

}  // namespace

void* Tape::take(int64_t bytes) {
  std::byte* here = base_ + used_;
  used_ += static_cast<size_t>((bytes + kAlignment - 1) / kAlignment * kAlignment);
  return here;
}

void* Tape::array(int64_t row_bytes, int64_t past, const std::string& slot, int unit) {
  const int64_t bytes = row_bytes * (past + scale_ * (shape_.rows / unit + kPair));
  if (past == 0) {
    const auto [found, fresh] = slots_.emplace(text(slot, "/", bytes), nullptr);
    if (fresh) found->second = take(bytes);
    return found->second;
  }
  void* data = take(bytes);
  // A position more than is looked back at: where the origin lags behind, it is that.
  const int64_t kept = row_bytes * (past + scale_);
  pasts_.push_back({static_cast<unsigned char*>(data), static_cast<unsigned char*>(take(kept)),
                    row_bytes * scale_ / unit, kept});
  return data;
}

const kernels::Span* Tape::table(SpanKind kind) {
  const auto [found, fresh] = kinds_.emplace(kind, nullptr);
  if (fresh)
    found->second = static_cast<kernels::Span*>(take(int64_t{sizeof(kernels::Span)} * series()));
  return found->second;
}

const kernels::Span* Tape::spans(int64_t delay) { return table({delay, -1, scale_}); }

const kernels::Span* Tape::pair_spans(int64_t delay, int keep) {
  return table({delay, keep, scale_});
}

float* Tape::state(int64_t numbers) {
  return static_cast<float*>(take(int64_t{sizeof(float)} * numbers * series()));
}

void Tape::draw(const Rows<float>& z, int column, int first_channel, int channels) {
  auto* spans =
      static_cast<kernels::DrawnSpan*>(take(int64_t{sizeof(kernels::DrawnSpan)} * series()));
  auto* given = static_cast<float*>(take(int64_t{sizeof(float)} * channels * rows_at_most()));
  draw_tables_.push_back(spans);
  draws_.push_back({first_channel, channels, {z.delay, -1, scale_}, given});
  add([=, scale = scale_, series = series(), rows = rows_at_most()](kernels::Stream stream) {
    return kernels::drawn_rows_cuda(z.at(z.delay) + column, z.width, first_channel, channels, scale,
                                    spans, series, rows, stream);
  });
}

void Tape::finish() {
  audio_scale_ = scale_;
  if (pasts_.empty()) return;
  const auto count = static_cast<int>(pasts_.size());
  past_table_ = static_cast<kernels::Past*>(take(int64_t{sizeof(kernels::Past)} * count));
  moved_ = static_cast<std::ptrdiff_t*>(take(sizeof(std::ptrdiff_t)));
  add([this, count](kernels::Stream stream) {
    return kernels::keep_past_cuda(past_table_, count, moved_, stream);
  });
}

kernels::Status Tape::launch(kernels::Stream stream) const {
  for (const auto& one : launches_) {
    const kernels::Status status = one(stream);
    if (!status.ok()) return status;
  }
  return {};
}

std::pair<int64_t, int64_t> Tape::made(const Piece& piece, SpanKind kind) {
  const int64_t first = kind.scale * piece.first - kind.delay, total = kind.scale * piece.total;
  const int64_t from = std::clamp<int64_t>(first, 0, total);
  return {from, std::clamp<int64_t>(first + kind.scale * piece.count, from, total)};
}

// Rows [from, to) of a series whose noise is given.
std::vector<float> Tape::noise_of(const flow::Latent& latent, const Draw& draw, int64_t from,
                                  int64_t to) {
  const int scale = draw.rows.scale;
  const int64_t first = from / scale, end = (to + scale - 1) / scale;
  const flow::Grid positions =
      latent.noise(draw.first_channel, draw.channels * scale, first, static_cast<int>(end - first));
  std::vector<float> rows;
  for (int64_t n = from; n < to; ++n) {
    const float* position = positions.row(static_cast<int>(n / scale - first));
    for (int c = 0; c < draw.channels; ++c) rows.push_back(position[c * scale + n % scale]);
  }
  return rows;
}

// Where each piece's origin stands: one after the other, at even rows.
std::vector<int64_t> Tape::bases(const std::vector<Piece>& pieces) const {
  std::vector<int64_t> bases;
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    bases.push_back(row);
    row += (piece.count + 1) / 2 * 2;
  }
  return bases;
}

kernels::Span Tape::span_of(const Piece& piece, int64_t base, SpanKind kind) {
  const auto [from, to] = made(piece, kind);
  const int64_t zero = kind.scale * (base - origin(piece)) + kind.delay;  // row of position 0
  if (kind.keep < 0) return {zero + from, zero + to, zero, zero + kind.scale * piece.total};
  // Pair p changes frame 2 p + 1 - keep.
  return {zero / 2 + (from + kind.keep) / 2, zero / 2 + (to + kind.keep) / 2, zero / 2,
          zero / 2 + (piece.total + 1) / 2};
}

void Tape::load(const std::vector<Piece>& pieces, kernels::Stream stream) {
  const auto copy = [&](void* to, const void* from, size_t bytes) {
    if (bytes > 0) check(kernels::copy_to_device(to, from, bytes, stream));
  };
  const std::vector<int64_t> base = bases(pieces);
  for (const auto& [kind, place] : kinds_) {
    std::vector<kernels::Span> spans(static_cast<size_t>(series()));  // the others: none
    for (size_t s = 0; s < pieces.size(); ++s) spans[s] = span_of(pieces[s], base[s], kind);
    copy(place, spans.data(), spans.size() * sizeof(kernels::Span));
  }
  for (size_t d = 0; d < draws_.size(); ++d) {
    const Draw& draw = draws_[d];
    std::vector<kernels::DrawnSpan> spans(static_cast<size_t>(series()));
    float* given = draw.given;
    for (size_t s = 0; s < pieces.size(); ++s) {
      const auto [from, to] = made(pieces[s], draw.rows);
      const kernels::Span span = span_of(pieces[s], base[s], draw.rows);
      const flow::Latent& latent = *pieces[s].latent;
      kernels::DrawnSpan& drawn = spans[s];
      drawn.begin = span.begin;
      drawn.end = span.end;
      drawn.first = static_cast<uint64_t>(from);
      if (latent.drawn) {
        drawn.seed = latent.drawn->seed;
        drawn.item = latent.drawn->item;
        drawn.temperature = latent.drawn->temperature;
        continue;
      }
      const std::vector<float> noise = noise_of(latent, draw, from, to);
      copy(given, noise.data(), noise.size() * sizeof(float));
      drawn.given = given;
      given += noise.size();
    }
    copy(draw_tables_[d], spans.data(), spans.size() * sizeof(kernels::DrawnSpan));
  }
  for (size_t s = 0; s < pieces.size(); ++s) {
    const Piece& piece = pieces[s];
    if (piece.condition == nullptr) continue;
    const int64_t row = base[s] + piece.first - origin(piece);
    const auto bring = [&](const Rows<float>& to, const flow::Grid& from) {
      if (to.data == nullptr) return;
      copy(to.at(0) + condition_scale * row * to.width,
           from.row(static_cast<int>(condition_scale * piece.condition_row)),
           static_cast<size_t>(condition_scale * piece.count) * static_cast<size_t>(to.width) *
               sizeof(float));
    };
    bring(features, piece.condition->features);
    bring(log_scale, piece.condition->log_scale);
  }
  if (past_table_ == nullptr) return;
  copy(past_table_, pasts_.data(), pasts_.size() * sizeof(kernels::Past));
  const Piece& piece = pieces.front();
  const std::ptrdiff_t moved = (piece.first + piece.count) / 2 * 2 - origin(piece);
  copy(moved_, &moved, sizeof moved);
}

std::vector<std::vector<float>> Tape::samples(const std::vector<Piece>& pieces,
                                              kernels::Stream stream) const {
  const std::vector<int64_t> base = bases(pieces);
  std::vector<std::vector<float>> all;
  for (size_t s = 0; s < pieces.size(); ++s) {
    const kernels::Span span = span_of(pieces[s], base[s], {audio.delay, -1, audio_scale_});
    std::vector<float>& mine =
        all.emplace_back(static_cast<size_t>(span.end - span.begin) * audio.width);
    if (!mine.empty())
      check(kernels::copy_from_device(mine.data(), audio.at(audio.delay) + span.begin * audio.width,
                                      mine.size() * sizeof(float), stream));
  }
  check(kernels::stream_wait(stream));
  return all;
}

}  // namespace fluvox::cuda
