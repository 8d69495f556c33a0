// Several processes on this machine against one that does the work of all of them.
#include "train/peers.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "flow/safetensors.h"
#include "models/registry.h"
#include "support/gradients_torch.h"
#include "support/short_run.h"
#include "support/temp_folder.h"
#include "support/throws.h"
#include "train/tensors_torch.h"
#include "train/trainer.h"

extern char** environ;

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;
using support::slurp;
using torch::Tensor;

constexpr const char* kFolder = "FLUVOX_TEST_FOLDER";

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size), 0);
  ::close(fd);
  return ntohs(name.sin_port);
}

// A process of a group; what it says goes to a file. Killed where the test ends before it.
class Process {
 public:
  Process(std::vector<std::string> command, int rank, int world, int port, const fs::path& log,
          const fs::path& folder)
      : log_(log) {
    std::vector<std::string> variables = {
        text("RANK=", rank),        text("WORLD_SIZE=", world),          "MASTER_ADDR=127.0.0.1",
        text("MASTER_PORT=", port), text(kFolder, "=", folder.string()), "OMP_NUM_THREADS=1"};
    for (char** one = environ; *one; ++one) variables.emplace_back(*one);
    const auto pointers = [](std::vector<std::string>& list) {
      std::vector<char*> array;
      for (std::string& one : list) array.push_back(one.data());
      array.push_back(nullptr);
      return array;
    };
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT, 0600);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    EXPECT_EQ(::posix_spawn(&child_, command[0].c_str(), &files, nullptr, pointers(command).data(),
                            pointers(variables).data()),
              0);
    ::posix_spawn_file_actions_destroy(&files);
  }
  ~Process() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      wait();
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int which) const { ::kill(child_, which); }
  int wait() {  // the exit code, or minus the signal
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string said() const { return slurp(log_); }

 private:
  fs::path log_;
  pid_t child_ = -1;
};

// The disabled test below, run by two processes.
void run_pair(const std::string& name, const fs::path& folder) {
  const int port = free_port();
  const std::vector<std::string> command = {fs::read_symlink("/proc/self/exe").string(),
                                            "--gtest_also_run_disabled_tests",
                                            "--gtest_filter=InAChild.DISABLED_" + name};
  Process second(command, 1, 2, port, folder / "second.log", folder);
  Process first(command, 0, 2, port, folder / "first.log", folder);
  EXPECT_EQ(first.wait(), 0) << first.said();
  EXPECT_EQ(second.wait(), 0) << second.said();
}

std::shared_ptr<Peers> peers() {
  return std::make_shared<Peers>(place_from_environment(), std::chrono::seconds(60));
}

// A float64 step of gradient descent on slots first .. first + count of 4; its weights.
Tensor exact_step(Peers& peers, int first, int count) {
  at::set_num_threads(1);
  torch::manual_seed(1);
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 64;
  c.hop = 16;
  c.bands = 6;
  flow::TorchFlow flow(
      models::architecture("waveglow").build(models::architecture("waveglow").tiny, c));
  flow.randomise_last_layers(0.2, 3);
  flow.to(torch::kFloat64);
  const auto exact = torch::TensorOptions(torch::kFloat64);
  torch::manual_seed(2);
  const Tensor audio = 0.2 * torch::randn({4, 24 * 16}, exact),
               mel = torch::randn({4, 6, 24}, exact);
  const auto condition =
      flow.condition(net::with_margins(mel.narrow(0, first, count), flow.margins()));
  (-flow.log_prob(audio.narrow(0, first, count), condition).mean() / (24.0 * 16)).backward();
  std::vector<Tensor> gradients, weights;
  for (Tensor& weight : flow.parameters()) gradients.push_back(weight.grad());
  peers.average(gradients);
  const torch::NoGradGuard no_grad;
  for (Tensor& weight : flow.parameters())
    weights.push_back((weight - 0.1 * weight.grad()).reshape({-1}));
  return torch::cat(weights);
}

TEST(InAChild, DISABLED_ExactStep) {
  const auto group = peers();
  const Tensor weights = exact_step(*group, 2 * group->rank(), 2);
  std::ofstream(std::getenv(kFolder) + text("/weights", group->rank()), std::ios::binary)
      .write(static_cast<const char*>(weights.data_ptr()), weights.numel() * 8);
}

TEST(InAChild, DISABLED_Gradients) {
  at::set_num_threads(1);
  const fs::path folder = std::getenv(kFolder);
  TrainOptions options{false, {}, ProgressMode::none};
  options.peers = peers();
  Trainer trainer(support::short_run(folder / "corpus"), folder / "run", options);
  Tensors found;
  trainer.flow().randomise_last_layers(0.2, 7);
  for (const auto& [name, tensor] : trainer.gradients_at(3)) found[name] = to_host(tensor);
  flow::write_safetensors(folder / text("gradients", options.peers->rank()), found, {});
}

TEST(Peers, OneExactStepOfTwoIsThatOfOne) {
  const support::TempFolder folder;
  run_pair("ExactStep", folder.path());
  Peers alone;
  const Tensor wanted = exact_step(alone, 0, 4);
  const std::string first = slurp(folder / "weights0");
  EXPECT_EQ(first, slurp(folder / "weights1"));
  ASSERT_EQ(static_cast<int64_t>(first.size()), wanted.numel() * 8);
  std::vector<double> values(first.size() / 8);
  std::memcpy(values.data(), first.data(), first.size());
  const Tensor found = torch::tensor(values, torch::kFloat64);
  EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-12);
}

TEST(Peers, GradientsOfTwoTrainersAreThoseOfOneWithTwiceTheBatch) {
  at::set_num_threads(1);
  const support::TempFolder folder;
  support::write_clips(folder / "corpus", 6, 1.2);
  run_pair("Gradients", folder.path());
  EXPECT_EQ(slurp(folder / "gradients0"), slurp(folder / "gradients1"));
  support::Gradients found;
  for (const auto& [name, tensor] : flow::read_safetensors(folder / "gradients0").tensors)
    found[name] = to_torch(tensor);
  TrainSettings settings = support::short_run(folder / "corpus");
  settings.batch = 4;
  Trainer alone(settings, folder / "alone", {false, {}, ProgressMode::none});
  alone.flow().randomise_last_layers(0.2, 7);
  const auto wanted = alone.gradients_at(3);
  EXPECT_LT(support::relative_distance(found, wanted), 1e-6);
}

// Two of the real program, over their corpus, until something happens to one of them.
class Lost : public testing::Test {
 protected:
  Lost() {
    support::write_clips(folder_ / "corpus", 6, 1.2);
    const TrainSettings s = support::short_run(folder_ / "corpus");
    command_ = {FLUVOX_TRAIN_PROGRAM,
                "train",
                "-d",
                folder_ / "run",
                "--set",
                "settings=" + toml(s.settings),
                "--set",
                text("corpora=[{path=\"", (folder_ / "corpus").string(), "\", held_out=1}]"),
                "--set",
                "frames=8",
                "--set",
                "batch=1",
                "--set",
                "save_every=5",
                "--set",
                "measure_every=1000000",
                "--set",
                "steps=1000000",
                "--set",
                "peer_timeout=4",
                "--progress",
                "none"};
    const int port = free_port();
    for (int rank : {0, 1})
      pair_.push_back(std::make_unique<Process>(command_, rank, 2, port,
                                                folder_ / text("log", rank), folder_.path()));
    for (int i = 0; i < 600 && !has_checkpoint(folder_ / "run"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  static std::string toml(const Json& json) {
    std::string all;
    for (const auto& [name, value] : json.items())
      all += text(all.empty() ? "" : ", ", name, " = ", value.dump());
    return "{" + all + "}";
  }
  void expect_a_sound_checkpoint() {
    ASSERT_TRUE(has_checkpoint(folder_ / "run"));
    const Checkpoint last = newest_checkpoint(folder_ / "run");
    EXPECT_GE(last.step, 5);
    EXPECT_EQ(last.step % 5, 0);
  }

  support::TempFolder folder_;
  std::vector<std::string> command_;
  std::vector<std::unique_ptr<Process>> pair_;
};

TEST_F(Lost, AKilledPeerEndsTheRunWithAnError) {
  pair_[1]->signal(SIGKILL);
  EXPECT_EQ(pair_[0]->wait(), 5) << pair_[0]->said();
  EXPECT_NE(pair_[0]->said().find("a peer is gone"), std::string::npos) << pair_[0]->said();
  expect_a_sound_checkpoint();
}

TEST_F(Lost, AHungPeerEndsTheRunWhenTheTimeIsUp) {
  pair_[1]->signal(SIGSTOP);
  EXPECT_EQ(pair_[0]->wait(), 5) << pair_[0]->said();
  EXPECT_NE(pair_[0]->said().find("a peer was silent for 4 s"), std::string::npos)
      << pair_[0]->said();
  expect_a_sound_checkpoint();
}

TEST_F(Lost, ASignalToOneStopsBothAndIsSaved) {
  pair_[1]->signal(SIGTERM);
  EXPECT_EQ(pair_[1]->wait(), 143) << pair_[1]->said();
  EXPECT_EQ(pair_[0]->wait(), 0) << pair_[0]->said();
  EXPECT_TRUE(fs::exists(folder_ / "run/model.safetensors"));
}

TEST(Peers, AnIncompleteEnvironmentIsRefused) {
  const auto with = [](std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const auto& [name, value] : variables) ::setenv(name, value, 1);
    std::string code = "none";
    try {
      const Place place = place_from_environment();
      code = text(place.rank, "/", place.world);
    } catch (const Error& error) {
      code = error.code();
    }
    for (const auto& [name, value] : variables) ::unsetenv(name);
    return code;
  };
  EXPECT_EQ(with({}), "0/1");
  EXPECT_EQ(with({{"WORLD_SIZE", "1"}, {"RANK", "0"}}), "0/1");
  EXPECT_EQ(with({{"WORLD_SIZE", "2"}}), "peers-invalid");
  EXPECT_EQ(with({{"WORLD_SIZE", "2"}, {"RANK", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}),
            "peers-invalid");
  EXPECT_EQ(with({{"WORLD_SIZE", "two"}}), "peers-invalid");
  EXPECT_EQ(with({{"WORLD_SIZE", "3"}, {"RANK", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}),
            "2/3");
  EXPECT_EQ(with({{"OMPI_COMM_WORLD_SIZE", "3"},
                  {"OMPI_COMM_WORLD_RANK", "1"},
                  {"MASTER_ADDR", "a"},
                  {"MASTER_PORT", "1"}}),
            "1/3");
}

}  // namespace
}  // namespace fluvox::train
