// fluvox convert.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "flow/model_file.h"
#include "import/made_checkpoint.h"
#include "runtime/session.h"
#include "support/made_models.h"
#include "support/run_program.h"

namespace fluvox::cli {
namespace {

namespace fs = std::filesystem;
namespace made = imports::made;
using support::Ran;
using support::spill;
using testing::HasSubstr;

constexpr const char* kConfig = R"({"data_config": {"filter_length": 64, "hop_length": 16,
    "win_length": 64}, "waveglow_config": {"n_mel_channels": 8, "n_flows": 5}})";

class ConvertCommand : public testing::Test {
 protected:
  ConvertCommand() { spill(at("config.json"), kConfig); }

  std::string at(const std::string& name) const { return folder_ / name; }
  std::string checkpoint(const made::Form& form = {}) const {
    spill(at("old.pt"), made::file_of(made::made_waveglow(form), form));
    return at("old.pt");
  }
  Ran convert(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {FLUVOX_PROGRAM, "convert"});
    return support::run_program(arguments);
  }
  Ran convert_with_config(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", at("new.safetensors"), "--config", at("config.json")});
    return convert(arguments);
  }
  bool nothing_written() const {
    const auto names = folder_.names();
    return std::none_of(names.begin(), names.end(), [](const std::string& name) {
      return name.find("safetensors") != std::string::npos;
    });
  }

  support::TempFolder folder_;
};

TEST_F(ConvertCommand, WritesAModelThatRenders) {
  const Ran ran = convert_with_config({checkpoint()});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, at("new.safetensors") + "\n");
  const flow::Model model = flow::read_model(at("new.safetensors"));
  EXPECT_EQ(model.spec.model, "waveglow");
  const runtime::Session session(model);
  const mel::Mel mel{3, 8, std::vector<float>(24, -2)};
  EXPECT_EQ(session.render(mel).size(), 48u);
}

TEST_F(ConvertCommand, SaysWhatItAssumed) {
  const made::Form form = {.layout = made::Layout::cond_layers};
  const Ran ran = convert_with_config({checkpoint(form), "--json"});
  const auto result = nlohmann::json::parse(ran.out);
  EXPECT_EQ(result["model"], "waveglow");
  EXPECT_EQ(result["convention"], "tacotron2, changed");
  EXPECT_EQ(result["sigma"], 0.6);
  EXPECT_EQ(result["provenance"]["layout"], "cond_layers, res_skip_layers");
  EXPECT_EQ(result["sha256"], flow::read_model(at("new.safetensors")).sha256);
  ASSERT_EQ(result["assumed"].size(), 1u);
  EXPECT_THAT(ran.err, HasSubstr("--alternate-halves"));
  const Ran told =
      convert_with_config({checkpoint(form), "--json", "--no-alternate-halves", "--sigma", "0.8"});
  EXPECT_EQ(nlohmann::json::parse(told.out)["assumed"].size(), 0u);
  EXPECT_EQ(nlohmann::json::parse(told.out)["sigma"], 0.8);
}

TEST_F(ConvertCommand, TheClassTellsWhichHalfConditionsUnlessTheUserDoes) {
  const auto alternates = [&](const std::vector<std::string>& flags) {
    const made::Form form = {.wrapping = made::Wrapping::module, .module = "glow_old"};
    std::vector<std::string> arguments = {checkpoint(form)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_EQ(convert_with_config(arguments).exit_code, 0);
    const auto steps = flow::read_model(at("new.safetensors")).spec.steps;
    return std::any_of(steps.begin(), steps.end(),
                       [](const Json& step) { return step.value("keep", "") == "second"; });
  };
  EXPECT_TRUE(alternates({}));
  EXPECT_TRUE(alternates({"--alternate-halves"}));
  EXPECT_FALSE(alternates({"--no-alternate-halves"}));
}

TEST_F(ConvertCommand, RefusesWithoutWriting) {
  spill(at("text.pt"), "hello");
  EXPECT_EQ(convert({at("text.pt"), "-o", at("new.safetensors")}).exit_code, 3);
  EXPECT_EQ(convert({at("nowhere.pt"), "-o", at("new.safetensors")}).exit_code, 3);
  const Ran bands = convert({checkpoint(), "-o", at("new.safetensors")});
  EXPECT_EQ(bands.exit_code, 3);
  EXPECT_THAT(bands.err, HasSubstr("--con"));
  spill(at("config.json"), R"({"waveglow_config": {"n_flows": 12}})");
  EXPECT_EQ(convert_with_config({checkpoint()}).exit_code, 3);
  spill(at("config.json"), kConfig);
  const Ran both = convert_with_config({checkpoint(), "--convention", "hifigan", "--json"});
  EXPECT_EQ(both.exit_code, 3);
  EXPECT_EQ(nlohmann::json::parse(both.err.substr(both.err.rfind("{\"error\"")))["error"]["code"],
            "convention-mismatch");
  EXPECT_TRUE(nothing_written());
  EXPECT_EQ(convert({checkpoint()}).exit_code, 2);
  EXPECT_EQ(convert({checkpoint(), "-o", at("old.pt")}).exit_code, 2);
  EXPECT_EQ(convert({checkpoint(), "-o", "-"}).exit_code, 2);
  EXPECT_EQ(convert({checkpoint(), "-o", "/dev/full", "--config", at("config.json")}).exit_code, 5);
  EXPECT_TRUE(nothing_written());
}

}  // namespace
}  // namespace fluvox::cli
