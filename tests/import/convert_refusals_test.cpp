// What is not understood is refused by name; damage gives one clear error or a model that loads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "import/convert.h"
#include "import/made_checkpoint.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using support::thrown_by;
using testing::AllOf;
using testing::HasSubstr;

Converted converted(const std::string& bytes, ConvertOptions options = {}) {
  if (options.convention.name == "tacotron2") options.convention = support::small_convention();
  Checkpoint checkpoint(TorchFile(bytes, "made.pt"));
  return convert(checkpoint, options);
}

// Of a WaveGlow in which something was changed.
template <class Change>
Error refusal(Change change, const ConvertOptions& options = {}, const Form& form = {}) {
  MadeCheckpoint made = made_waveglow(form);
  change(made);
  return thrown_by([&] { converted(file_of(made, form), options); });
}
void nothing(MadeCheckpoint&) {}

void remove(MadeCheckpoint& made, const std::string& name) {
  std::erase_if(made.tensors, [&](const Saved& saved) { return saved.name == name; });
}

TEST(Refusals, NameTheTensorThatIsMissing) {
  for (const char* name :
       {"upsample.bias", "convinv.2.conv.weight", "WN.3.in_layers.1.weight_v", "WN.4.end.bias",
        "WN.1.cond_layer.weight_g", "WN.0.res_skip_layers.2.bias", "WN.0.start.weight_v"}) {
    const Error error = refusal([&](MadeCheckpoint& made) { remove(made, name); });
    EXPECT_EQ(error.code(), "checkpoint-missing") << error.what();
    EXPECT_EQ(error.exit_code(), 3);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("made.pt"), HasSubstr(name)));
  }
}

TEST(Refusals, NameTheTensorsThatAreUnknown) {
  const Error error = refusal([](MadeCheckpoint& made) {
    made.tensors.push_back({"WN.0.attention.weight", {1}, {1}});
    made.tensors.push_back({"WN.9.start.bias", {1}, {1}});
  });
  EXPECT_EQ(error.code(), "checkpoint-unknown-tensors");
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("\"WN.0.attention.weight\""), HasSubstr("\"WN.9.start.bias\"")));
  // Both spellings of the same layers.
  EXPECT_THAT(refusal([](MadeCheckpoint& made) {
                made.tensors.push_back({"WN.0.cond_layers.0.bias", {1}, {1}});
              }).what(),
              HasSubstr("\"WN.0.cond_layers.0.bias\""));
}

TEST(Refusals, NameBothShapes) {
  const Error error = refusal([](MadeCheckpoint& made) {
    Saved& end = made["WN.0.end.weight"];
    end.shape = {end.shape[1], end.shape[0], 1};
  });
  EXPECT_EQ(error.code(), "checkpoint-shape");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("\"WN.0.end.weight\""), HasSubstr("[6, 8, 1]"),
                                  HasSubstr("expected the shape [")));
  EXPECT_THAT(refusal([](MadeCheckpoint& made) {
                made["convinv.0.conv.weight"].shape = {8, 8};
              }).what(),
              AllOf(HasSubstr("\"convinv.0.conv.weight\""), HasSubstr("[8, 8]")));
}

TEST(Refusals, NameWhatIsNoNumber) {
  const Error error =
      refusal([](MadeCheckpoint& made) { made["WN.1.start.bias"].values[2] = std::nan(""); });
  EXPECT_EQ(error.code(), "checkpoint-not-finite");
  EXPECT_THAT(error.what(), HasSubstr("\"WN.1.start.bias\""));
  EXPECT_THAT(refusal([](MadeCheckpoint& made) {
                for (double& v : made["WN.1.start.weight_v"].values) v = 0;
              }).what(),
              HasSubstr("\"WN.1.start.weight_v\""));
}

TEST(Refusals, NameExitsThatFollowNoRule) {
  Sizes sizes;
  sizes.every = 2;
  MadeCheckpoint made = made_waveglow({}, 1, sizes);
  made["convinv.3.conv.weight"] = {"convinv.3.conv.weight", {8, 8, 1}, std::vector<double>(64, 1)};
  const Error error = thrown_by([&] { converted(file_of(made, {})); });
  EXPECT_EQ(error.code(), "checkpoint-structure");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("convinv.3.conv.weight"), HasSubstr("expected 6"),
                                  HasSubstr("found 8")));
}

TEST(Refusals, SayWhatTheFileLooksLike) {
  const auto what = [](const std::string& body) {
    const std::vector<Stored> stored = {{"0", 1, raw<float>({1})}};
    return std::string(thrown_by([&] { converted(zip_file(body, stored)); }).what());
  };
  const std::string one = tensor(storage("FloatStorage", "0", 1), 0, {1}, {1});
  EXPECT_THAT(what(dict({str("state_dict"), dict({str("decoder.attention_rnn.weight_ih"), one}),
                         str("iteration"), integer(1)})),
              HasSubstr("Tacotron 2"));
  EXPECT_THAT(what(dict({str("generator"), dict({str("conv_pre.bias"), one})})),
              HasSubstr("HiFi-GAN"));
  EXPECT_THAT(what(dict({str("something.else"), one})), HasSubstr("\"something.else\""));
  EXPECT_THAT(what(dict({str("x"), integer(1)})), HasSubstr("expected a model"));
  EXPECT_THAT(what(one), HasSubstr("a mel perhaps"));
  EXPECT_THAT(what(integer(3)), HasSubstr("an integer"));
  EXPECT_THAT(what(dict({})), HasSubstr("found no tensor"));
}

TEST(Refusals, NameTensorsOutsideOfTheModel) {
  const Error error = refusal([](MadeCheckpoint& made) {
    for (Saved& saved : made.tensors)
      if (saved.name != "upsample.bias") saved.name = "module." + saved.name;
  });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("\"upsample.bias\""), HasSubstr("\"module.\"")));
}

TEST(Refusals, NameBothSidesOfAContradiction) {
  const auto with = [](const std::string& json) {
    ConvertOptions options;
    options.config = parse_published_config(json, "config.json");
    return options;
  };
  const Error flows = refusal(nothing, with(R"({"waveglow_config": {"n_flows": 12}})"));
  EXPECT_EQ(flows.code(), "config-invalid");
  EXPECT_THAT(flows.what(), HasSubstr("n_flows is 12, but the tensors of the checkpoint say 5"));
  EXPECT_THAT(
      refusal(nothing, with(R"({"waveglow_config": {"WN_config": {"n_layers": 8}}})")).what(),
      HasSubstr("n_layers is 8, but the tensors of the checkpoint say 3"));
  EXPECT_THAT(refusal(nothing, with(R"({"waveglow_config": {"n_flow": 5}})")).what(),
              AllOf(HasSubstr("\"n_flow\""), HasSubstr("n_flows")));
  const std::string right =
      R"({"train_config": {"sigma": 1.0}, "waveglow_config": {"n_mel_channels": 8, "n_flows": 5,
          "n_group": 8, "n_early_every": 2, "n_early_size": 2,
          "WN_config": {"n_layers": 3, "n_channels": 6, "kernel_size": 3}}})";
  EXPECT_NO_THROW(converted(file_of(made_waveglow({}), {}), with(right)));
}

TEST(Refusals, NameExitsThatTheFileHasNot) {
  Sizes sizes;
  sizes.every = 5;  // five flows: none
  const MadeCheckpoint made = made_waveglow({}, 1, sizes);
  ConvertOptions options;
  options.config = parse_published_config(R"({"waveglow_config": {"n_early_every": 2}})", "c.json");
  EXPECT_THAT(thrown_by([&] { converted(file_of(made, {}), options); }).what(),
              HasSubstr("n_early_every is 2"));
  options.config = parse_published_config(R"({"waveglow_config": {"n_early_every": 6}})", "c.json");
  EXPECT_NO_THROW(converted(file_of(made, {}), options));
}

TEST(Refusals, NameTheConfigOfTheFileItself) {
  Sizes sizes;
  sizes.kernel = 5;  // the file's config says 3
  const Form form = {.wrapping = Wrapping::state_dict_key};
  const MadeCheckpoint made = made_waveglow(form, 1, sizes);
  EXPECT_THAT(thrown_by([&] { converted(file_of(made, form)); }).what(),
              HasSubstr("kernel_size is 3, but the tensors of the checkpoint say 5"));
}

TEST(Refusals, NameWhatDiffersInTheMel) {
  ConvertOptions options;
  options.convention = support::small_convention();
  options.convention.bands = 9;
  EXPECT_THAT(refusal(nothing, options).what(),
              AllOf(HasSubstr("mels of 8 bands"), HasSubstr("has 9")));
  options.convention = support::small_convention();
  options.convention.hop = 32;
  const Form module = {.wrapping = Wrapping::module};
  EXPECT_THAT(refusal(nothing, options, module).what(),
              AllOf(HasSubstr("16 samples of a frame"), HasSubstr("is 32")));
  options.convention.hop = 48;
  EXPECT_THAT(refusal(nothing, options).what(), HasSubstr("no multiple of 48"));
}

TEST(PublishedConfig, StatesTheMel) {
  const PublishedConfig config = parse_published_config(
      R"({"data_config": {"training_files": "train.txt", "segment_length": 16000,
          "sampling_rate": 16000, "filter_length": 800, "hop_length": 200, "win_length": 800,
          "mel_fmin": 50.0, "mel_fmax": 7600.0}, "waveglow_config": {"n_mel_channels": 64}})",
      "config.json");
  const mel::Convention c = with_config(mel::convention("tacotron2"), config);
  EXPECT_EQ(c.sample_rate, 16000);
  EXPECT_EQ(c.fft, 800);
  EXPECT_EQ(c.hop, 200);
  EXPECT_EQ(c.window, 800);
  EXPECT_EQ(c.fmin, 50);
  EXPECT_EQ(c.fmax, 7600);
  EXPECT_EQ(c.bands, 64);
  EXPECT_EQ(c.name, "tacotron2, changed");
  const PublishedConfig same =
      parse_published_config(R"({"data_config": {"hop_length": 256}})", "config.json");
  EXPECT_EQ(with_config(mel::convention("tacotron2"), same).name, "tacotron2");
}

TEST(PublishedConfig, RefusesWhatItDoesNotKnow) {
  const auto refused = [](const std::string& json) {
    return std::string(thrown_by([&] {
                         with_config(mel::convention("tacotron2"),
                                     parse_published_config(json, "config.json"));
                       }).what());
  };
  EXPECT_THAT(refused("{}"), HasSubstr("found none of them"));
  EXPECT_THAT(refused("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(refused("{"), HasSubstr("not JSON"));
  EXPECT_THAT(refused(R"({"data_config": {"hop_lenght": 1}})"), HasSubstr("hop_length"));
  EXPECT_THAT(refused(R"({"data_config": {"hop_length": "256"}})"), HasSubstr("hop"));
  EXPECT_THAT(refused(R"({"data_config": {"hop_length": 0}})"), HasSubstr("hop"));
  EXPECT_THAT(refused(R"({"waveglow_config": 3})"), HasSubstr("expected an object"));
}

// Damage anywhere: an Error, or a model that can be loaded or is refused by an Error then. Seeded,
// and bounded by the clock.
TEST(Damage, GivesOneErrorOrAModel) {
  Sizes small = {.bands = 2,
                 .hop = 16,
                 .frames = 1,
                 .group = 4,
                 .flows = 2,
                 .every = 1,
                 .early = 2,
                 .channels = 2,
                 .layers = 2,
                 .kernel = 1};
  mel::Convention convention = support::small_convention();
  convention.bands = 2;
  std::vector<std::string> files;
  for (const Container container : {Container::legacy, Container::zip})
    for (const Wrapping wrapping : {Wrapping::module, Wrapping::state_dict_key}) {
      const Form form = {.layout = Layout::separate, .container = container, .wrapping = wrapping};
      files.push_back(file_of(made_waveglow(form, 1, small), form));
    }
  std::mt19937 random(5);
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  size_t refused = 0, made = 0;
  for (int i = 0; i < 4000 && std::chrono::steady_clock::now() < end; ++i) {
    std::string bytes = files[below(files.size())];
    const size_t kind = below(8);
    if (kind == 0) {
      bytes.resize(below(bytes.size()));
    } else if (kind == 1) {
      bytes.erase(below(bytes.size()), 1 + below(40));
    } else if (kind == 2) {  // another extent or count
      const size_t at = bytes.find("\x8a\x08", below(bytes.size()));
      if (at != std::string::npos && at + 10 < bytes.size())
        bytes.replace(at + 2, 8, little(uint64_t{1} << below(64), 8));
    } else {
      for (size_t flips = 1 + below(3); flips-- > 0;) {
        char& byte = bytes[below(bytes.size())];
        byte = static_cast<char>(byte ^ 1 << below(8));
      }
    }
    try {
      ConvertOptions options;
      options.convention = convention;
      Checkpoint checkpoint(TorchFile(bytes, "damaged.pt"));
      const Converted found = convert(checkpoint, options);
      const runtime::Session session({found.spec, found.tensors, ""}, {.threads = 1});
      ++made;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(made, 10u);
}

}  // namespace
}  // namespace fluvox::imports
