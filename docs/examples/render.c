/* Renders a mel as it would be played: frames go in a few at a time, samples are taken as they are
 * made.
 *
 *   render MODEL MEL NAME > samples.f32
 *
 * MEL holds float32 values, frame after frame, and nothing else; so do the samples. NAME is what
 * the utterance goes by: the result is that of `fluvox render NAME.npy`, bit for bit. C99. */
#include <fluvox/fluvox.h>
#include <stdio.h>
#include <stdlib.h>

enum { kFramesAtOnce = 7, kSamplesAtOnce = 1000 };

/* Says what went wrong, in words and by its code, and gives the exit code. */
static int failed(const fluvox_error* error) {
  fprintf(stderr, "%s (%s)\n", error->message, error->code);
  return (int)error->status;
}

/* Writes all samples that are ready. */
static fluvox_status drain(fluvox_stream* stream, fluvox_error* error) {
  float samples[kSamplesAtOnce];
  size_t count = 0;
  do {
    const fluvox_status status = fluvox_stream_pull(stream, samples, kSamplesAtOnce, &count, error);
    if (status != FLUVOX_OK) return status;
    fwrite(samples, sizeof *samples, count, stdout);
  } while (count > 0);
  return FLUVOX_OK;
}

static fluvox_status render(const fluvox_model* voice, int bands, FILE* mel, const char* name,
                            fluvox_error* error) {
  fluvox_render_options options = FLUVOX_RENDER_OPTIONS;
  fluvox_stream* stream = NULL;
  float* frames = malloc(sizeof *frames * kFramesAtOnce * (size_t)bands);
  const size_t frame = sizeof *frames * (size_t)bands;
  size_t count;

  options.seed = 1;
  options.item = fluvox_item_of(name);
  fluvox_status status = fluvox_stream_open(voice, &options, &stream, error);
  while (status == FLUVOX_OK && (count = fread(frames, frame, kFramesAtOnce, mel)) > 0) {
    status = fluvox_stream_push(stream, frames, count, error);
    if (status == FLUVOX_OK) status = drain(stream, error);
  }
  if (status == FLUVOX_OK) status = fluvox_stream_finish(stream, error);
  if (status == FLUVOX_OK) status = drain(stream, error);
  fluvox_stream_close(stream);
  free(frames);
  return status;
}

int main(int argc, char** argv) {
  fluvox_error error;
  fluvox_model* voice = NULL;
  fluvox_facts facts;

  if (argc != 4) {
    fprintf(stderr, "usage: render MODEL MEL NAME > samples.f32\n");
    return FLUVOX_USAGE;
  }
  if (fluvox_load(argv[1], NULL, &voice, &error) != FLUVOX_OK) return failed(&error);
  fluvox_facts_of(voice, &facts, NULL);
  fprintf(stderr, "fluvox %s, %s: %d Hz, %d bands, looks ahead %.0f ms\n", fluvox_version(),
          fluvox_name(voice), facts.sample_rate, facts.bands,
          1000.0 * (double)facts.look_ahead / facts.sample_rate);

  FILE* mel = fopen(argv[2], "rb");
  if (!mel) {
    perror(argv[2]);
    fluvox_free(voice);
    return FLUVOX_IO;
  }
  const fluvox_status status = render(voice, facts.bands, mel, argv[3], &error);
  fclose(mel);
  fluvox_free(voice);
  return status == FLUVOX_OK ? 0 : failed(&error);
}
