#include "mel/mel_file.h"

#include <algorithm>
#include <limits>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/nearest.h"
#include "mel/convert.h"

namespace fluvox::mel {
namespace {

constexpr size_t kMostSidecar = size_t{1} << 20;
constexpr int kMostDepth = 8;
constexpr int kSidecarVersion = 1;

struct Sidecar {
  int version = 0;
  Json convention = Json::object();
};

template <class Visitor>
void fields(Visitor& v, Sidecar& s) {
  v("fluvox_mel", s.version, "version of this file");
  v("convention", s.convention, "the convention of the array beside it");
}

std::filesystem::path sidecar_path(std::filesystem::path path) { return path += ".json"; }

// A regular file, or a name where one can be made; not a device or a pipe, which have no room
// beside them.
bool is_plain(const std::filesystem::path& path) {
  using std::filesystem::file_type;
  std::error_code none;
  const file_type type = std::filesystem::status(path, none).type();
  // One that cannot be looked at is for the writing to refuse.
  return type == file_type::regular || type == file_type::not_found || type == file_type::none;
}

bool says(const std::filesystem::path& path, const std::string& content) {
  std::error_code none;
  const bool alike = std::filesystem::is_regular_file(path, none) &&
                     std::filesystem::file_size(path, none) == content.size() && !none;
  return alike && read_file(path, content.size()) == content;
}

void write(AtomicFile& file, const std::vector<size_t>& shape, const std::vector<float>& values) {
  const std::string bytes = npy_bytes(shape, values);
  file.write(std::as_bytes(std::span(bytes)));
}

// How a mel lies in an array.
struct Arrangement {
  int frames = 0;
  bool by_bands = false;  // the frames of a band side by side; else the bands of a frame
};

Arrangement arrangement_of(const NpySource& array, int bands, Layout layout,
                           const std::string& where) {
  std::span<const size_t> shape = array.shape;
  if (shape.size() == 3 && shape[0] == 1) shape = shape.subspan(1);
  const auto wanted = static_cast<size_t>(bands);
  const bool by_bands = shape.size() == 2 && shape[0] == wanted && layout != Layout::frames_bands;
  const bool by_frames = shape.size() == 2 && shape[1] == wanted && layout != Layout::bands_frames;
  if (!by_bands && !by_frames)
    throw Error(
        Fault::input, "mel-shape",
        text(where, ": expected a mel of shape ",
             layout == Layout::frames_bands   ? text("(T, ", bands, ")")
             : layout == Layout::bands_frames ? text("(", bands, ", T)")
                                              : text("(", bands, ", T) or (T, ", bands, ")"),
             ", found ", shape_text(array.shape)));
  if (by_bands && by_frames)
    throw Error(
        Fault::usage, "mel-layout-ambiguous",
        text(where, ": shape ", shape_text(array.shape), " has as many frames as bands; say which ",
             "comes first with --layout bands-frames or --layout frames-bands"));
  const size_t frames = by_bands ? shape[1] : shape[0];
  if (frames > static_cast<size_t>(std::numeric_limits<int>::max()))
    throw Error(Fault::input, "mel-shape", text(where, ": too many frames: ", frames));
  return {static_cast<int>(frames), by_bands != array.fortran_order};
}

Mel frames_of(const NpySource& array, const Arrangement& arrangement, int bands, int first,
              int count) {
  const auto all = static_cast<size_t>(arrangement.frames), from = static_cast<size_t>(first);
  const auto rows = static_cast<size_t>(count), columns = static_cast<size_t>(bands);
  Mel mel{count, bands, std::vector<float>(rows * columns)};
  if (!arrangement.by_bands) {
    array.read(from * columns, mel.values);
    return mel;
  }
  std::vector<float> row(rows);
  for (size_t band = 0; band < columns; ++band) {
    array.read(band * all + from, row);
    for (size_t frame = 0; frame < rows; ++frame) mel.values[frame * columns + band] = row[frame];
  }
  return mel;
}

Json parse_json(const std::string& source, const std::string& where) {
  try {
    // Nesting is bounded: printing or freeing a deep document would exhaust the stack.
    return Json::parse(source, [&](int depth, Json::parse_event_t, Json&) {
      if (depth > kMostDepth)
        throw Error(Fault::input, "sidecar-invalid", where + ": is nested too deeply");
      return true;
    });
  } catch (const nlohmann::json::exception& error) {
    throw Error(Fault::input, "sidecar-invalid",
                text(where, ": is not JSON (", error.what(), "); remove it or write the mel anew"));
  }
}

}  // namespace

Layout layout(std::string_view name) {
  static const std::vector<std::string> known = {"auto", "bands-frames", "frames-bands"};
  for (size_t i = 0; i < known.size(); ++i)
    if (name == known[i]) return static_cast<Layout>(i);
  throw Error(Fault::usage, "layout-unknown",
              text("--layout: expected auto, bands-frames or frames-bands, found '",
                   name.substr(0, 80), "'", did_you_mean(name.substr(0, 80), known)));
}

Mel mel_of_array(const NpyArray& array, int bands, Layout layout, const std::string& where) {
  const NpySource source{array.shape, false, [&](size_t first, std::span<float> to) {
                           std::copy_n(array.values.begin() + static_cast<std::ptrdiff_t>(first),
                                       to.size(), to.begin());
                         }};
  const Arrangement arrangement = arrangement_of(source, bands, layout, where);
  return frames_of(source, arrangement, bands, 0, arrangement.frames);
}

std::optional<Convention> read_sidecar(const std::filesystem::path& path) {
  const std::filesystem::path beside = sidecar_path(path);
  const std::string where = beside.string();
  std::string content;
  try {
    content = read_file(beside, kMostSidecar);
  } catch (const Error& error) {
    // One that is there but cannot be read is no absent one: the mel would be taken for another.
    if (error.code() == "file-missing") return std::nullopt;
    throw;
  }
  const auto sidecar = from_json<Sidecar>(parse_json(content, where), where);
  if (sidecar.version != kSidecarVersion)
    throw Error(
        Fault::input, "sidecar-invalid",
        text(where, ": expected \"fluvox_mel\": ", kSidecarVersion, ", found ", sidecar.version));
  return convention_from_json(sidecar.convention, where + ": convention");
}

MelSource open_mel(const NpySource& array, const std::filesystem::path& path,
                   const Convention& wanted, Layout layout) {
  const std::string where = path.string();
  const std::optional<Convention> own = read_sidecar(path);
  if (own && layout == Layout::automatic) layout = mel::layout(own->layout);
  const int bands = own ? own->bands : wanted.bands;
  const Arrangement arrangement = arrangement_of(array, bands, layout, where);
  return {arrangement.frames, wanted.bands, [=](int first, int count) {
            Mel mel = frames_of(array, arrangement, bands, first, count);
            if (!own) return mel;
            try {
              return convert(mel, *own, wanted);
            } catch (const Error& error) {
              if (error.code() != "mel-convention") throw;
              throw Error(error.fault(), error.code(), text(where, ": ", error.what()));
            }
          }};
}

MelSource open_mel(const std::filesystem::path& path, const Convention& wanted, Layout layout) {
  return open_mel(open_npy(path), path, wanted, layout);
}

Mel read_mel(const std::filesystem::path& path, const Convention& wanted, Layout layout) {
  const MelSource mel = open_mel(path, wanted, layout);
  return mel.read(0, mel.frames);
}

void write_mel(const std::filesystem::path& path, const Mel& mel, const Convention& c) {
  validate(c, "mel convention");
  const auto frames = static_cast<size_t>(mel.frames), bands = static_cast<size_t>(mel.bands);
  if (mel.bands != c.bands || mel.values.size() != frames * bands)
    throw Error(Fault::input, "mel-bands",
                text(path.string(), ": the mel has ", mel.bands, " bands, expected the ", c.bands,
                     " of '", c.name, "'"));
  const std::filesystem::path beside = sidecar_path(path);
  const std::string sidecar = to_json(Sidecar{kSidecarVersion, to_json(c)}).dump(2) + "\n";
  const bool plain = is_plain(path), keeps = !plain || says(beside, sidecar);
  AtomicFile array(path);
  if (c.layout == "frames-bands") {
    write(array, {frames, bands}, mel.values);
  } else {
    std::vector<float> turned(mel.values.size());
    for (size_t frame = 0; frame < frames; ++frame)
      for (size_t band = 0; band < bands; ++band)
        turned[band * frames + frame] = mel.values[frame * bands + band];
    write(array, {bands, frames}, turned);
  }
  if (keeps) return array.commit();
  // Both lie on the disk before the older pair is touched: a full disk does not harm it.
  AtomicFile about(beside);
  about.write(std::as_bytes(std::span(sidecar)));
  array.flush();
  about.flush();
  std::error_code failed;
  std::filesystem::remove(beside, failed);
  if (failed)
    throw Error(Fault::io, "write-failed",
                text(beside.string(), ": the old sidecar cannot be removed: ", failed.message()));
  array.commit();
  about.commit();
}

}  // namespace fluvox::mel
