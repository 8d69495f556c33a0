// A GPU's memory, streams and graphs, for those who include no CUDA header. As with launches
// nothing is thrown: callers turn a Status into an Error.
#pragma once

#include <cstddef>

#include "kernels/status.h"

struct CUgraphExec_st;

namespace fluvox::kernels {

// How many GPUs there are. Not ok where there is no driver, or one too old; the reason is CUDA's.
Status device_count(int* count);
Status device_name(int device, char (&name)[256]);
// Of the calling thread, for all that follows.
Status use_device(int device);

// nullptr: there is not so much memory left, which is no error.
Status device_allocate(std::size_t bytes, void** memory);
void device_free(void* memory);
// In the order of the stream. `from` may change as soon as the first returns; `to` of the second
// is there after stream_wait().
Status copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream);
Status copy_from_device(void* to, const void* from, std::size_t bytes, Stream stream);

Status make_stream(Stream* stream);
void free_stream(Stream stream);
Status stream_wait(Stream stream);

// What is launched between the two becomes a graph instead of being run. nullptr: no memory left
// for it. Launches that wait (synchronous_launches) cannot be recorded.
using Graph = CUgraphExec_st*;
Status begin_graph(Stream stream);
Status end_graph(Stream stream, Graph* graph);
Status run_graph(Graph graph, Stream stream);
void free_graph(Graph graph);

}  // namespace fluvox::kernels
