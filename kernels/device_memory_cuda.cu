#include "kernels/device.h"
#include "kernels/device_memory.h"

namespace fluvox::kernels {

namespace {

Status status_of(const char* what, cudaError_t error) {
  Status status;
  if (error == cudaSuccess) return status;
  cudaGetLastError();  // so that the next launch does not report this one's
  std::snprintf(status.message, sizeof status.message, "CUDA %s failed: %s (%s)", what,
                cudaGetErrorString(error), cudaGetErrorName(error));
  return status;
}

}  // namespace

Status device_count(int* count) {
  *count = 0;
  return status_of("device count", cudaGetDeviceCount(count));
}

Status device_name(int device, char (&name)[256]) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  std::snprintf(name, sizeof name, "%s", error == cudaSuccess ? properties.name : "");
  return status_of("device properties", error);
}

Status use_device(int device) { return status_of("device choice", cudaSetDevice(device)); }

Status device_allocate(std::size_t bytes, void** memory) {
  *memory = nullptr;
  const cudaError_t error = cudaMalloc(memory, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    *memory = nullptr;
    return {};
  }
  return status_of("allocation", error);
}

void device_free(void* memory) { cudaFree(memory); }

Status copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  return status_of("copy to the device",
                   cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream));
}

Status copy_from_device(void* to, const void* from, std::size_t bytes, Stream stream) {
  return status_of("copy from the device",
                   cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream));
}

Status make_stream(Stream* stream) {
  return status_of("stream", cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking));
}

void free_stream(Stream stream) { cudaStreamDestroy(stream); }

Status stream_wait(Stream stream) {
  return status_of("work on the device", cudaStreamSynchronize(stream));
}

Status begin_graph(Stream stream) {
  return status_of("capture", cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
}

Status end_graph(Stream stream, Graph* graph) {
  *graph = nullptr;
  cudaGraph_t recorded = nullptr;
  cudaError_t error = cudaStreamEndCapture(stream, &recorded);
  if (error == cudaSuccess) {
    error = cudaGraphInstantiate(graph, recorded, 0);
    cudaGraphDestroy(recorded);
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    *graph = nullptr;
    return {};
  }
  return status_of("capture", error);
}

Status run_graph(Graph graph, Stream stream) {
  return status_of("graph", cudaGraphLaunch(graph, stream));
}

void free_graph(Graph graph) { cudaGraphExecDestroy(graph); }

}  // namespace fluvox::kernels
