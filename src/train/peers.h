// Training by several processes, on one machine or many (c10d's Gloo, over TCP).
//
//   torchrun --nproc-per-node 2 --no-python fluvox train ...
//   RANK=1 WORLD_SIZE=2 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 fluvox train ...
//
// Every process works on its own slots of a step's segments and takes part in one all-reduce of the
// flat gradients; process 0 alone writes. mpirun's and SLURM's variables for rank and number are
// read too. A peer that is gone or silent for longer than the timeout is an error ("peer-lost"):
// there is nothing sensible to go on with, and --resume goes on from the last checkpoint.
#pragma once

#include <torch/torch.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace fluvox::train {

struct Place {
  int rank = 0, world = 1;
  std::string address;  // of process 0
  int port = 0;
};
// As the environment says; one process where it says nothing.
Place place_from_environment();

class Peers {
 public:
  Peers();  // alone
  Peers(const Place& place, std::chrono::milliseconds timeout);
  ~Peers();

  int rank() const { return place_.rank; }
  int world() const { return place_.world; }
  bool first() const { return place_.rank == 0; }

  // In place, over all processes; the tensors are of one type, of equal shapes everywhere, and go
  // as one, over the host where they are a GPU's.
  void average(const std::vector<torch::Tensor>& tensors);
  void sum(const std::vector<torch::Tensor>& tensors);
  // What process 0 has, and what it says.
  void share(const std::vector<torch::Tensor>& tensors);
  bool agreed(bool mine);

 private:
  class Group;
  std::chrono::milliseconds meeting() const;
  void reduce(const std::vector<torch::Tensor>& tensors, int divisor);

  Place place_;
  std::chrono::milliseconds timeout_{};
  std::unique_ptr<Group> group_;
};

}  // namespace fluvox::train
