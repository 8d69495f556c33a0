/* Fluvox from C, and from all that can call C: mel spectrograms to speech and back.
 *
 *   fluvox_error error;
 *   fluvox_model* voice;
 *   if (fluvox_load("compact.safetensors", NULL, &voice, &error) != FLUVOX_OK) {
 *     fprintf(stderr, "%s\n", error.message);
 *     return 1;
 *   }
 *   fluvox_facts facts;
 *   fluvox_facts_of(voice, &facts, NULL);
 *   float* audio = malloc(frames * facts.hop * sizeof *audio);
 *   fluvox_render(voice, mel, frames, NULL, audio, frames * facts.hop, NULL);
 *   fluvox_free(voice);
 *
 * Audio is mono float in [-1, 1] at the model's rate. A mel is [frames][bands]: the values of a
 * frame stand together. All memory is the caller's, but for the two handles. The same seed, item
 * and mel give the same samples on any machine, whole or streamed, at any number of threads.
 *
 * Every function that can fail returns a status, and tells more in the fluvox_error that it is
 * given (NULL: nobody asks). Nothing is kept of an error, so there is nothing to share among
 * threads. A null pointer, a wrong size, a call out of turn: each is an error. A handle after it
 * was freed is not; nothing can know. Of what a failed call was to write, nothing may be used. No
 * exception leaves these functions, and they neither print nor end the program.
 *
 * A model may be used by many threads at once, a stream by one at a time; fluvox_stream_cancel
 * alone may come from another. Threads do not survive a fork(): load the model after it.
 */
#ifndef FLUVOX_FLUVOX_H
#define FLUVOX_FLUVOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FLUVOX_API __attribute__((visibility("default")))
#else
#define FLUVOX_API
#endif

/* Whose fault it is. 2 to 5 are the exit codes of the program `fluvox` as well. */
typedef enum fluvox_status {
  FLUVOX_OK = 0,
  FLUVOX_USAGE = 2,    /* the call: a null pointer, a buffer too small, a call out of turn */
  FLUVOX_INPUT = 3,    /* the model, the mel or the sound */
  FLUVOX_DEVICE = 4,   /* a GPU that is not there, has not enough memory, or has failed */
  FLUVOX_IO = 5,       /* reading failed */
  FLUVOX_MEMORY = 6,   /* there is not enough */
  FLUVOX_INTERNAL = 7, /* a fault of Fluvox itself */
  FLUVOX_STATUS_IS_INT = 0x7fffffff
} fluvox_status;

typedef struct fluvox_error {
  fluvox_status status;
  char code[60];      /* stable, for programs: "model-hash-mismatch" */
  char message[1024]; /* for people: what was expected, what was found, where, what to do */
} fluvox_error;       /* both end with a zero and are UTF-8 as far as the caller's names are */

FLUVOX_API const char* fluvox_version(void); /* "0.1.0" */

/* -- a model ---------------------------------------------------------------------------------- */

typedef struct fluvox_model fluvox_model;

typedef enum fluvox_precision {
  FLUVOX_FP32 = 0,
  FLUVOX_BF16 = 1, /* faster where the processor has it, and rounds */
  FLUVOX_FP16 = 2, /* of GPUs alone */
  FLUVOX_PRECISION_IS_INT = 0x7fffffff
} fluvox_precision;

typedef struct fluvox_load_options {
  int threads; /* 0: one for each processor */
  fluvox_precision precision;
} fluvox_load_options;

/* `options` may be NULL: all processors, fp32. The bytes of a model file in memory are copied. */
FLUVOX_API fluvox_status fluvox_load(const char* path, const fluvox_load_options* options,
                                     fluvox_model** model, fluvox_error* error);
FLUVOX_API fluvox_status fluvox_load_memory(const void* bytes, size_t size,
                                            const fluvox_load_options* options,
                                            fluvox_model** model, fluvox_error* error);
/* The same to render on a processor of one's choice: "cpu" (NULL too), "cuda" or "cuda:N" for an
 * NVIDIA GPU, "auto" for a GPU where there is one that can. All but rendering and streams stays on
 * the CPU. The noise is the CPU's bit for bit, the sound differs in its last digits; whole or
 * streamed it is the same bits there too. */
FLUVOX_API fluvox_status fluvox_load_on(const char* device, const char* path,
                                        const fluvox_load_options* options, fluvox_model** model,
                                        fluvox_error* error);
FLUVOX_API fluvox_status fluvox_load_memory_on(const char* device, const void* bytes, size_t size,
                                               const fluvox_load_options* options,
                                               fluvox_model** model, fluvox_error* error);
/* After its streams; NULL is nothing. */
FLUVOX_API void fluvox_free(fluvox_model* model);

typedef struct fluvox_facts {
  int sample_rate;
  int hop;            /* samples of a frame */
  int bands;          /* of the mel */
  int z_channels;     /* z is [z_channels][frames * hop / z_channels] */
  int streams;        /* 0: it needs the whole utterance. Every model renders, scores and encodes */
  int64_t look_ahead; /* samples that the newest frame must lie ahead of the sample that is made */
  double sigma;       /* the temperature unless another is asked for */
  double work;        /* multiply-adds for a sample */
} fluvox_facts;

FLUVOX_API fluvox_status fluvox_facts_of(const fluvox_model* model, fluvox_facts* facts,
                                         fluvox_error* error);
/* "compact"; the mel convention as JSON, {"sample_rate": 22050, "fft": 1024, ...}; what renders,
 * "cpu" or the GPU's name, "NVIDIA H200". All live as long as the model; NULL for a null pointer.
 */
FLUVOX_API const char* fluvox_name(const fluvox_model* model);
FLUVOX_API const char* fluvox_convention(const fluvox_model* model);
FLUVOX_API const char* fluvox_device_of(const fluvox_model* model);

/* -- mel to audio ----------------------------------------------------------------------------- */

typedef struct fluvox_render_options {
  uint64_t seed;
  uint64_t item; /* which utterance of the seed: each draws noise of its own */
  double sigma;  /* temperature; below 0: the model's own */
} fluvox_render_options;

#define FLUVOX_RENDER_OPTIONS \
  { 0, 0, -1.0 } /* what NULL stands for */

/* The item of an utterance that goes by a name. `fluvox render a/speech.npy` takes that of
 * "speech". 0 for a null pointer. */
FLUVOX_API uint64_t fluvox_item_of(const char* name);

/* Writes exactly frames * hop samples; `capacity` must hold as many. */
FLUVOX_API fluvox_status fluvox_render(const fluvox_model* model, const float* mel, size_t frames,
                                       const fluvox_render_options* options, float* audio,
                                       size_t capacity, fluvox_error* error);

/* The same as it is asked for: push frames as they come, pull samples as they are made. Where the
 * pieces are cut changes no bit, and the memory does not grow with the length. */
typedef struct fluvox_stream fluvox_stream;

/* Refuses a model that does not stream. The model must outlive its streams. */
FLUVOX_API fluvox_status fluvox_stream_open(const fluvox_model* model,
                                            const fluvox_render_options* options,
                                            fluvox_stream** stream, fluvox_error* error);
/* Takes a copy; computes nothing yet. */
FLUVOX_API fluvox_status fluvox_stream_push(fluvox_stream* stream, const float* mel, size_t frames,
                                            fluvox_error* error);
/* No more frames will come. */
FLUVOX_API fluvox_status fluvox_stream_finish(fluvox_stream* stream, fluvox_error* error);
/* Fills the front of `audio` and tells the number of samples: fewer than `capacity` where more
 * frames are needed first, 0 at the end and after a cancel. */
FLUVOX_API fluvox_status fluvox_stream_pull(fluvox_stream* stream, float* audio, size_t capacity,
                                            size_t* samples, fluvox_error* error);
/* 1 once it is finished and all was pulled, or was cancelled; 0 before; 1 for a null pointer. */
FLUVOX_API int fluvox_stream_ended(const fluvox_stream* stream);
/* Drops what waits. From any thread: a pull at work returns soon, with what it has. */
FLUVOX_API void fluvox_stream_cancel(fluvox_stream* stream);
FLUVOX_API void fluvox_stream_close(fluvox_stream* stream); /* NULL is nothing */

/* -- audio to mel, score and z ---------------------------------------------------------------- */

/* How many frames the mel of so much audio has; 0 for no samples or a null pointer. */
FLUVOX_API size_t fluvox_frames_of(const fluvox_model* model, size_t samples);
/* The mel in the model's own convention: fluvox_frames_of(model, samples) * bands values.
 * `capacity` counts values. */
FLUVOX_API fluvox_status fluvox_analyse(const fluvox_model* model, const float* audio,
                                        size_t samples, float* mel, size_t capacity,
                                        fluvox_error* error);

typedef struct fluvox_score {
  double nats;    /* exact log-likelihood, all constants included */
  size_t samples; /* that were scored: whole frames */
} fluvox_score;

/* Of a recording, given its own mel. */
FLUVOX_API fluvox_status fluvox_score_of(const fluvox_model* model, const float* audio,
                                         size_t samples, fluvox_score* score, fluvox_error* error);

/* z, the noise that renders exactly this audio from this mel; frames * hop samples, and as many
 * values of z. And back. */
FLUVOX_API fluvox_status fluvox_encode(const fluvox_model* model, const float* audio,
                                       const float* mel, size_t frames, float* z, size_t capacity,
                                       fluvox_error* error);
FLUVOX_API fluvox_status fluvox_decode(const fluvox_model* model, const float* z, const float* mel,
                                       size_t frames, float* audio, size_t capacity,
                                       fluvox_error* error);

#ifdef __cplusplus
}
#endif

#endif
