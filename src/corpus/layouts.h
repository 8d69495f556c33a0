// Where recordings, texts and speakers lie in the corpora that people have.
//
//   ljspeech   metadata.csv "id|raw|normalised" (or "id|speaker|text|licence"), wavs/ID.wav
//   libritts   SPEAKER/CHAPTER/ID.wav; the texts in *.trans.tsv, *.trans.txt or ID.normalized.txt
//   vctk       wav48*/SPEAKER/ID_mic1.flac (or ID.wav), txt/SPEAKER/ID.txt; second microphones are
//              left out
//   jsut       SUBSET/wav/ID.wav, SUBSET/transcript_utf8.txt "id:text", or the phones of
//              SUBSET/lab/ID.lab
//   kaldi      wav.scp, and where they are there text, utt2spk and segments
//   list       a file of lines "path", "path|text" or "path|text|speaker"
//   folder     every sound file below it; "speaker__name.wav" tells the speaker
//
// Lists are foreign: they are bounded, a wav.scp that names a command is refused and never run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fluvox::corpus {

struct Source {
  std::filesystem::path path;
  std::string name, speaker = {}, text = {};
  double begin = 0;                // of a part of the file, in seconds
  std::optional<double> end = {};  // none: to the file's end
};

struct Rejected {
  std::string what;  // the file, or what a list named
  std::string code, reason;
};

struct Listing {
  std::string kind;
  std::vector<Source> sources;  // those of one file one after the other
  std::vector<Rejected> rejected;
};

const std::vector<std::string>& kinds();
std::string kind_of(const std::filesystem::path& place);
// kind: one of kinds(), or "auto". Refuses a place where nothing of that kind lies.
Listing list_corpus(const std::filesystem::path& place, const std::string& kind = "auto");

}  // namespace fluvox::corpus
