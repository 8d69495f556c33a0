"""libfluvox by ctypes: finds it, and declares the functions of fluvox.h with their types."""
import ctypes
import os
import pathlib
from ctypes import POINTER, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint64, c_void_p

VERSION = "0.1"  # of the interface declared here


class CError(ctypes.Structure):
    _fields_ = [("status", c_int), ("code", c_char * 60), ("message", c_char * 1024)]


class CLoadOptions(ctypes.Structure):
    _fields_ = [("threads", c_int), ("precision", c_int)]


class CFacts(ctypes.Structure):
    _fields_ = [
        ("sample_rate", c_int),
        ("hop", c_int),
        ("bands", c_int),
        ("z_channels", c_int),
        ("streams", c_int),
        ("look_ahead", c_int64),
        ("sigma", c_double),
        ("work", c_double),
    ]


class CRenderOptions(ctypes.Structure):
    _fields_ = [("seed", c_uint64), ("item", c_uint64), ("sigma", c_double)]


class CScore(ctypes.Structure):
    _fields_ = [("nats", c_double), ("samples", c_size_t)]


_FLOATS = POINTER(c_float)
_ERROR = POINTER(CError)
_SIGNATURES = {
    "fluvox_version": (c_char_p, []),
    "fluvox_load": (c_int, [c_char_p, POINTER(CLoadOptions), POINTER(c_void_p), _ERROR]),
    "fluvox_load_memory": (c_int, [c_char_p, c_size_t, POINTER(CLoadOptions), POINTER(c_void_p), _ERROR]),
    "fluvox_load_on": (c_int, [c_char_p, c_char_p, POINTER(CLoadOptions), POINTER(c_void_p), _ERROR]),
    "fluvox_load_memory_on": (
        c_int,
        [c_char_p, c_char_p, c_size_t, POINTER(CLoadOptions), POINTER(c_void_p), _ERROR],
    ),
    "fluvox_free": (None, [c_void_p]),
    "fluvox_facts_of": (c_int, [c_void_p, POINTER(CFacts), _ERROR]),
    "fluvox_name": (c_char_p, [c_void_p]),
    "fluvox_convention": (c_char_p, [c_void_p]),
    "fluvox_device_of": (c_char_p, [c_void_p]),
    "fluvox_item_of": (c_uint64, [c_char_p]),
    "fluvox_render": (c_int, [c_void_p, _FLOATS, c_size_t, POINTER(CRenderOptions), _FLOATS, c_size_t, _ERROR]),
    "fluvox_stream_open": (c_int, [c_void_p, POINTER(CRenderOptions), POINTER(c_void_p), _ERROR]),
    "fluvox_stream_push": (c_int, [c_void_p, _FLOATS, c_size_t, _ERROR]),
    "fluvox_stream_finish": (c_int, [c_void_p, _ERROR]),
    "fluvox_stream_pull": (c_int, [c_void_p, _FLOATS, c_size_t, POINTER(c_size_t), _ERROR]),
    "fluvox_stream_ended": (c_int, [c_void_p]),
    "fluvox_stream_cancel": (None, [c_void_p]),
    "fluvox_stream_close": (None, [c_void_p]),
    "fluvox_frames_of": (c_size_t, [c_void_p, c_size_t]),
    "fluvox_analyse": (c_int, [c_void_p, _FLOATS, c_size_t, _FLOATS, c_size_t, _ERROR]),
    "fluvox_score_of": (c_int, [c_void_p, _FLOATS, c_size_t, POINTER(CScore), _ERROR]),
    "fluvox_encode": (c_int, [c_void_p, _FLOATS, _FLOATS, c_size_t, _FLOATS, c_size_t, _ERROR]),
    "fluvox_decode": (c_int, [c_void_p, _FLOATS, _FLOATS, c_size_t, _FLOATS, c_size_t, _ERROR]),
}


def _candidates():
    """$FLUVOX_LIBRARY alone where it is set; the installation that holds this file; the system's path."""
    named = os.environ.get("FLUVOX_LIBRARY")
    if named:
        return [named]
    soname = f"libfluvox.so.{VERSION}"
    installed = []
    parents = pathlib.Path(__file__).resolve().parents
    if len(parents) > 4 and parents[3].name == "share":  # PREFIX/share/fluvox/python/fluvox/library.py
        prefix = parents[4]
        installed = [str(p) for p in sorted(prefix.glob("lib*/" + soname)) + sorted(prefix.glob("lib/*/" + soname))]
    return installed + [soname]


def load():
    problems = []
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate)
        except OSError as problem:
            problems.append(str(problem))
            continue
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        found = library.fluvox_version().decode()
        if found.split(".")[:2] != VERSION.split("."):
            raise ImportError(f"{candidate}: expected libfluvox {VERSION}, found {found}")
        return library
    raise ImportError(
        "libfluvox was not found: name it in FLUVOX_LIBRARY, or install it where the system looks ("
        + "; ".join(problems)
        + ")"
    )
