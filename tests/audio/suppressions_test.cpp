// No test: what the sanitizers are to overlook in this program, because it is not ours.
//
// libsndfile 1.2 keeps a vorbis_info when an Ogg file turns out malformed while it is opened. A
// device that hangs is left to PortAudio as it is (audio/player.cpp). PulseAudio's own thread takes
// memory over from PortAudio's without a lock that the thread sanitizer could see.

extern "C" {

const char* __lsan_default_suppressions() { return "leak:libvorbis.so\nleak:libportaudio.so\n"; }

const char* __tsan_default_suppressions() { return "race:libpulse\nthread:libportaudio.so\n"; }

}  // extern "C"
