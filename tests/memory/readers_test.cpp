// The readers with their first, second, ... allocation failing until none fails any more: what
// comes out is bad_alloc, an Error or the right content, and nothing leaks (AddressSanitizer).
//
// What goes through documents of JSON (specs, sidecars, settings, requests) is read in processes of
// its own: the destructor of nlohmann::json takes memory itself, and where there is none left, the
// program ends there, by std::terminate with a bad_alloc under way (cli/program.cpp then says so).
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <optional>

#include "audio/sound_file.h"
#include "core/error.h"
#include "core/strict_json.h"
#include "core/toml.h"
#include "corpus/lines.h"
#include "flow/model_file.h"
#include "flow/safetensors.h"
#include "import/checkpoint.h"
#include "import/made_checkpoint.h"
#include "import/torch_file.h"
#include "mel/mel_file.h"
#include "mel/npy.h"
#include "runtime/request.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/made_speech.h"
#include "support/temp_folder.h"

namespace {

long left = 0;  // the allocation that fails, counted down; 0: none does
bool stays = false;

bool fails() {
  if (left == 0 || --left > 0) return false;
  left = stays ? 1 : 0;
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails()) throw std::bad_alloc();
  size = (size + alignment - 1) / alignment * alignment;
  if (void* made = std::aligned_alloc(alignment, size > 0 ? size : alignment)) return made;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace fluvox {
namespace {

namespace fs = std::filesystem;
namespace made = imports::made;
using support::spill;

// What an attempt came to, told once allocations work again.
struct Attempt {
  bool failed = false;  // an allocation did
  bool thrown = false;
  std::string surprise = {};
};

template <class Content, class Read>
Attempt attempt(long at, const Content& whole, Read read) {
  Attempt result;
  bool right = true;
  std::exception_ptr other;
  left = at;
  try {
    const Content content = read();
    result.failed = left == 0 || stays;
    left = 0;
    right = content == whole;
  } catch (const std::bad_alloc&) {
    result.thrown = true;
  } catch (const Error&) {
    result.thrown = true;
  } catch (...) {
    other = std::current_exception();
  }
  left = 0;
  if (!right) result.surprise = "another content";
  if (other) result.surprise = "an exception of another kind";
  return result;
}

template <class Read>
long allocations_of(Read read) {
  constexpr long kFar = 1L << 40;
  left = kFar;
  [[maybe_unused]] const auto kept = read();
  const long total = kFar - left;  // without those of its destructor
  left = 0;
  return total;
}

// Each of the first allocations, then ever fewer: a long reading repeats itself.
template <class Read>
void sweep(const std::string& what, Read read) {
  const auto whole = read();
  const long total = allocations_of(read);
  EXPECT_GT(total, 0) << what;
  for (const bool for_good : {false, true}) {
    stays = for_good;
    for (long at = 1; at <= total; at += 1 + at / 64) {
      const Attempt result = attempt(at, whole, read);
      ASSERT_EQ(result.surprise, "") << what << ", allocation " << at << " of " << total;
      ASSERT_TRUE(result.thrown || !for_good) << what << ", allocation " << at << " of " << total;
    }
    stays = false;
    const Attempt after = attempt(total + 1, whole, read);
    EXPECT_FALSE(after.thrown) << what;
    EXPECT_EQ(after.surprise, "");
  }
}

enum Outcome : int { kRead = 0, kThrown = 3, kEnded = 4, kSurprise = 5 };

// An attempt in a process of its own.
template <class Content, class Read>
int attempt_apart(long at, const Content& whole, Read read) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::set_terminate([] {
      left = 0;
      try {
        if (std::current_exception()) throw;
      } catch (const std::bad_alloc&) {
        ::_exit(kEnded);
      } catch (...) {
      }
      ::_exit(kSurprise);
    });
    const Attempt result = attempt(at, whole, read);
    if (!result.surprise.empty()) ::_exit(kSurprise);
    ::_exit(result.thrown ? kThrown : kRead);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <class Read>
void sweep_apart(const std::string& what, Read read) {
  const auto whole = read();
  const long total = allocations_of(read);
  EXPECT_GT(total, 10) << what;
  int thrown = 0;
  for (const bool for_good : {false, true}) {
    stays = for_good;
    for (long at = 1; at <= total; at += 1 + at / 32) {
      const int outcome = attempt_apart(at, whole, read);
      thrown += outcome == kThrown;
      ASSERT_TRUE(outcome == kThrown || outcome == kEnded || (outcome == kRead && !for_good))
          << what << ", allocation " << at << " of " << total << ": " << outcome;
    }
    stays = false;
    EXPECT_EQ(attempt_apart(total + 1, whole, read), kRead) << what;
  }
  EXPECT_GT(thrown, 10) << what;
}

class Readers : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return folder_ / name; }
  support::TempFolder folder_;
};

// Each of its allocations, since there are few.
TEST(DefaultSpec, IsWholeOrNothing) {
  bool failed = true;
  for (long at = 1; failed; ++at) {
    std::optional<flow::Spec> spec;  // its destructor takes memory itself
    bool thrown = false;
    left = at;
    try {
      spec.emplace();
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    failed = left == 0;
    left = 0;
    EXPECT_EQ(thrown, failed) << at;
    EXPECT_TRUE(failed || at > 3) << at;
  }
}

TEST_F(Readers, Npy) {
  const std::vector<size_t> shape = {30, 8};
  mel::write_npy(at("a.npy"), shape, support::random_values(240, 1, 1));
  sweep("npy", [&] { return mel::read_npy(at("a.npy")).values; });
}

TEST_F(Readers, Sound) {
  const auto sound = support::made_speech(22050, 0.05, 1);
  for (const char* name : {"a.wav", "a.flac", "a.ogg"}) {
    audio::write_sound(at(name), sound, 22050);
    sweep(name, [&] { return audio::read_sound(at(name)).samples; });
    sweep(name, [&] { return audio::read_sound(at(name), 16000).samples; });
  }
}

TEST_F(Readers, Safetensors) {
  const flow::Model model = support::small_compact();
  flow::write_model(at("model.safetensors"), model.spec, model.tensors);
  sweep("safetensors", [&] {
    const flow::Safetensors file = flow::read_safetensors(at("model.safetensors"));
    return std::pair(file.metadata, file.tensors);
  });
}

TEST_F(Readers, TorchFiles) {
  for (const auto container : {made::Container::zip, made::Container::legacy}) {
    made::Form form;
    form.container = container;
    const std::string file =
        made::file_of(made::made_waveglow(form, 1, {.flows = 2, .layers = 1}), form);
    spill(at("old.pt"), file);
    sweep("torch", [&] { return imports::TorchFile(file, "old.pt").size(); });
    sweep("checkpoint", [&] { return imports::Checkpoint::read(at("old.pt")).where(); });
  }
}

TEST_F(Readers, Json) {
  const std::string source = R"({"a":[1,-2.5e3,true,null,"text",{}],"b":{"c":[[[]]]}})";
  sweep_apart("json", [&] { return parse_json(source, "json"); });
}

TEST_F(Readers, Toml) {
  const std::string source =
      "model = \"compact\"\n[train]\nrate = 1e-4\nlists = [1, [2, 'three'], { four = 4.5 }]\n";
  sweep_apart("toml", [&] { return parse_toml(source, "toml"); });
  sweep_apart("--set", [&] {
    Json settings = Json::object();
    set_value(settings, "train.lists=[1, 'two']");
    return settings;
  });
}

TEST_F(Readers, Requests) {
  sweep_apart("request", [&] {
    std::string id;
    return runtime::parse_request(R"({"id":"b","mel":[[-4.1,1e-3],[0,7]],"name":"other"})", id).mel;
  });
  sweep_apart("request in base64", [&] {
    std::string id;
    return runtime::parse_request(R"({"id":"c","mel_base64":"AACAvwAAgD8="})", id).mel;
  });
}

TEST_F(Readers, Models) {
  const flow::Model model = support::small_compact();
  flow::write_model(at("model.safetensors"), model.spec, model.tensors);
  sweep_apart("model", [&] { return flow::read_model(at("model.safetensors")).tensors; });
  sweep_apart("session", [&] {
    const runtime::Session session(flow::read_model(at("model.safetensors")), {.threads = 1});
    return session.convention().hop;
  });
}

TEST_F(Readers, MelsWithTheirSidecar) {
  const mel::Convention convention = support::small_convention();
  mel::write_mel(at("a.npy"), {3, 8, support::random_values(24, 1, 1)}, convention);
  sweep_apart("mel", [&] { return mel::read_mel(at("a.npy"), convention).values; });
}

TEST_F(Readers, Lists) {
  spill(at("list.txt"), std::string(100, 'a') + "\n" + std::string(200, 'b') + "\nc\n");
  sweep("lines", [&] { return corpus::lines_of(at("list.txt")); });
}

}  // namespace
}  // namespace fluvox
