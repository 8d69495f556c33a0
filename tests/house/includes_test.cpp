// The house's arrows: which layer may include which, and which file may know a library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fluvox {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Arrows run downward only. A new layer needs a row here and its target in CMakeLists.txt.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"kernels", {}},
    {"core", {}},
    {"audio", {"core"}},
    {"corpus", {"core", "audio"}},
    {"mel", {"core"}},
    {"ops", {"core", "kernels"}},
    {"net", {"core", "kernels", "ops"}},
    {"flow", {"core", "kernels", "ops", "net"}},
    {"runtime", {"core", "kernels", "net", "flow", "mel", "audio"}},
    {"cuda", {"core", "kernels", "net", "flow"}},
    {"api", {"core", "net", "flow", "mel", "runtime", "cuda"}},
    {"report", {"core", "mel"}},
    {"models", {"core", "net", "flow", "mel"}},
    {"import", {"core", "net", "flow", "mel", "models"}},
    {"train",
     {"core", "kernels", "net", "flow", "mel", "audio", "corpus", "runtime", "models", "report",
      "ops"}},
    {"cli",
     {"core", "kernels", "net", "flow", "mel", "audio", "corpus", "runtime", "models", "report",
      "import", "train", "ops", "cuda"}},
};

// Headers of libraries, and the files that may include them (beginnings of paths).
struct Library {
  std::string name, header;
  std::vector<std::string> homes;
};
const std::vector<Library> kLibraries = {
    {"PortAudio", "portaudio\\.h|pa_.*\\.h", {"src/audio/player"}},
    {"libsndfile", "sndfile\\.(h|hh)", {"src/audio/sound_file"}},
    {"soxr", "soxr.*\\.h", {"src/audio/resample"}},
    {"KissFFT", "kissfft/.*|kiss_fft.*", {"src/mel/stft"}},
    {"libpng", "png\\.h", {"src/report/png"}},
    {"toml++", "toml\\+\\+/.*|toml\\.hpp", {"src/core/toml"}},
    {"CLI11", "CLI/.*", {"src/cli/"}},
    {"CUDA", "cuda.*|cublas.*|cub/.*", {"kernels/device.h"}},
};

bool begins_with(const std::string& path, const std::string& start) {
  return path.rfind(start, 0) == 0;
}

// LibTorch is known to the *_torch bodies and to the training program, to nobody else.
bool may_know_libtorch(const std::string& path) {
  return std::regex_search(path, std::regex("_torch\\.(cpp|h)$")) ||
         begins_with(path, "src/ops/") || begins_with(path, "src/train/");
}

std::string layer_of(const std::string& path) {
  const std::string inside = begins_with(path, "src/") ? path.substr(4) : path;
  return inside.substr(0, inside.find('/'));
}

struct Include {
  std::string header;
  bool quoted;  // "ours", not <theirs>
};

std::vector<Include> includes_of(const std::string& source) {
  static const std::regex line("(?:^|\n)[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]");
  std::vector<Include> found;
  for (std::sregex_iterator i(source.begin(), source.end(), line), end; i != end; ++i)
    found.push_back({(*i)[2], (*i)[1] == "\""});
  return found;
}

// What is wrong with the includes of the file `path` (from the project's folder), one sentence
// each.
std::vector<std::string> faults(const std::string& path, const std::string& source) {
  std::vector<std::string> found;
  const auto refuse = [&](const Include& include, const std::string& why) {
    found.push_back(path + " includes " + include.header + ": " + why);
  };
  const std::string layer = layer_of(path);
  const auto allowed = kMayInclude.find(layer);
  if (allowed == kMayInclude.end()) return {path + ": the layer " + layer + " has no row here"};
  for (const Include& include : includes_of(source)) {
    if (!include.quoted) {
      static const std::regex libtorch("(torch|ATen|c10|caffe2|gloo)/.*");
      if (std::regex_match(include.header, libtorch) && !may_know_libtorch(path))
        refuse(include, "LibTorch belongs in *_torch files, src/ops and src/train");
      for (const Library& library : kLibraries) {
        if (!std::regex_match(include.header, std::regex(library.header))) continue;
        bool home = false;
        for (const std::string& start : library.homes) home = home || begins_with(path, start);
        if (!home) refuse(include, library.name + " belongs in " + library.homes.front());
      }
      continue;
    }
    if (include.header == "fluvox_version.h") continue;  // generated
    if (include.header == "emulation/cuda_emulation.h" && path == "kernels/device.h") continue;
    const std::string other = layer_of(include.header);
    if (!kMayInclude.count(other) || include.header.find('/') == std::string::npos) {
      refuse(include, "expected a path from src/ or the project");
    } else if (other != layer && !allowed->second.count(other)) {
      refuse(include, layer + " lies below or beside " + other);
    } else if ((may_know_libtorch(include.header) || other == "train" || other == "ops") &&
               !may_know_libtorch(path)) {
      refuse(include, "its header knows LibTorch, this file may not");
    }
  }
  return found;
}

struct SourceFile {
  std::string path, source;
};

std::vector<SourceFile> house() {
  const fs::path root = FLUVOX_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* part : {"kernels", "models", "src"})
    for (const auto& entry : fs::recursive_directory_iterator(root / part)) {
      const std::string ending = entry.path().extension();
      if (ending != ".h" && ending != ".cpp" && ending != ".cu") continue;
      std::ifstream in(entry.path());
      files.push_back({fs::relative(entry.path(), root).generic_string(),
                       {std::istreambuf_iterator<char>(in), {}}});
    }
  return files;
}

TEST(Includes, RunDownwardOnlyAndLibrariesStayInTheirFiles) {
  const auto files = house();
  ASSERT_GT(files.size(), 100u);
  std::ostringstream all;
  for (const SourceFile& file : files)
    for (const std::string& fault : faults(file.path, file.source)) all << fault << '\n';
  EXPECT_EQ(all.str(), "");
}

// The checker sees what is there: every library is found in its home.
TEST(Includes, OfEveryLibraryAreSeen) {
  std::set<std::string> seen;
  for (const SourceFile& file : house())
    for (const Include& include : includes_of(file.source))
      for (const Library& library : kLibraries)
        if (!include.quoted && std::regex_match(include.header, std::regex(library.header)))
          seen.insert(library.name);
  for (const Library& library : kLibraries) EXPECT_TRUE(seen.count(library.name)) << library.name;
}

TEST(Includes, AreReadInEveryForm) {
  const auto found = includes_of(
      "#include <a.h>\n  #  include\t\"core/b.h\"  // why\n// #include <c.h>\nx #include <d.h>\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].header, "a.h");
  EXPECT_FALSE(found[0].quoted);
  EXPECT_EQ(found[1].header, "core/b.h");
  EXPECT_TRUE(found[1].quoted);
}

struct Snippet {
  std::string path, line, why;  // no reason: it is allowed
};

class OneInclude : public testing::TestWithParam<Snippet> {};

TEST_P(OneInclude, IsJudged) {
  const Snippet& snippet = GetParam();
  const auto found = faults(snippet.path, "#pragma once\n" + snippet.line + "\n");
  if (snippet.why.empty())
    EXPECT_THAT(found, IsEmpty());
  else
    EXPECT_THAT(found, ElementsAre(HasSubstr(snippet.why)));
}

INSTANTIATE_TEST_SUITE_P(
    House, OneInclude,
    testing::Values(
        Snippet{"src/flow/whiten_torch.cpp", "#include <torch/torch.h>", ""},
        Snippet{"src/flow/whiten_runtime.cpp", "#include <torch/torch.h>", "LibTorch belongs"},
        Snippet{"src/cli/render.cpp", "#include <ATen/ATen.h>", "LibTorch belongs"},
        Snippet{"src/cli/train_torch.cpp", "#include \"train/trainer.h\"", ""},
        Snippet{"src/cli/render.cpp", "#include \"train/trainer.h\"", "knows LibTorch"},
        Snippet{"src/flow/flow_runtime.cpp", "#include \"flow/flow_torch.h\"", "knows LibTorch"},
        Snippet{"src/net/wn_torch.cpp", "#include \"ops/ops.h\"", ""},
        Snippet{"src/net/wn_runtime.cpp", "#include \"ops/ops.h\"", "knows LibTorch"},
        Snippet{"src/ops/gate.h", "#include \"net/net.h\"", "ops lies below or beside net"},
        Snippet{"src/flow/step.h", "#include \"net/net.h\"", ""},
        Snippet{"src/net/net.h", "#include \"flow/step.h\"", "net lies below or beside flow"},
        Snippet{"src/core/log.h", "#include \"audio/ring.h\"", "core lies below or beside audio"},
        Snippet{"src/audio/ring.h", "#include \"mel/mel.h\"", "audio lies below or beside mel"},
        Snippet{"kernels/gate.h", "#include \"core/error.h\"", "kernels lies below or beside core"},
        Snippet{"models/compact.h", "#include \"mel/convention.h\"", ""},
        Snippet{"models/compact.h", "#include \"runtime/session.h\"", "beside runtime"},
        Snippet{"src/report/plot.h", "#include \"runtime/session.h\"", "beside runtime"},
        Snippet{"src/train/trainer.h", "#include \"cli/command.h\"", "beside cli"},
        Snippet{"src/audio/player.cpp", "#include <portaudio.h>", ""},
        Snippet{"src/cli/play.cpp", "#include <portaudio.h>", "PortAudio belongs"},
        Snippet{"src/audio/encoding.h", "#include <sndfile.h>", "libsndfile belongs"},
        Snippet{"src/mel/mel.cpp", "#include <kissfft/kissfft.hh>", "KissFFT belongs"},
        Snippet{"src/cli/plot.cpp", "#include <png.h>", "libpng belongs"},
        Snippet{"kernels/gate_cuda.cu", "#include <cuda_runtime.h>", "CUDA belongs"},
        Snippet{"src/mel/mel.cpp", "#include \"stft.h\"", "expected a path from src/"},
        Snippet{"src/mel/mel.cpp", "#include \"../core/error.h\"", "expected a path from src/"},
        Snippet{"src/attic/new.cpp", "#include <vector>", "has no row here"}));

}  // namespace
}  // namespace fluvox
