"""
When each word is said, by two synthesisers that know.

The commands `flite` and `espeak-ng` do not tell; their libraries do. Flite builds an utterance in which every token has
words, syllables and segments with their ends. espeak-ng calls back with an event for each word and each phoneme; words
that it runs together, such as "of the", get one event, and share its time by their letters.
"""

import ctypes
import re
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_float, c_int, c_short, c_uint, c_void_p
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

FLITE_PARTS = ("flite", "flite_usenglish", "flite_cmulex")
FLITE_FUNCTIONS = {
    "flite_synth_text": (c_void_p, [c_char_p, c_void_p]),
    "utt_relation": (c_void_p, [c_void_p, c_char_p]),
    "relation_head": (c_void_p, [c_void_p]),
    "item_next": (c_void_p, [c_void_p]),
    "item_daughter": (c_void_p, [c_void_p]),
    "flite_ffeature_string": (c_char_p, [c_void_p, c_char_p]),
    "flite_ffeature_float": (c_float, [c_void_p, c_char_p]),
    "delete_utterance": (None, [c_void_p]),
}
WORD_START = b"R:Word.R:SylStructure.daughter1.daughter1.R:Segment.p.end"
WORD_END = b"R:Word.R:SylStructure.daughtern.daughtern.R:Segment.end"
ABSENT = b"0"
SYNCHRONOUS, TELL_PHONEMES, BY_CHARACTER, UTF_8 = 2, 1, 1, 1
WORD_EVENT, PHONEME_EVENT = 1, 7
REST = b"_"


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it stands in the text, and when it is said, counted from the first sound."""

    text: str
    start_ms: float
    end_ms: float


Times = tuple[float, float] | None
"""When a word begins and ends; None when that is not told."""


def word_times(text: str, voice: str) -> list[Word]:
    """Say *text* with a voice such as `flite slt` or `espeak en-us+m3`, and tell the time of each word."""
    engine, name = voice.split()
    spoken = _by_flite(text, name) if engine == "flite" else _by_espeak(text, name)
    words = re.findall(r"\S+", text)
    times = _shared(words, spoken)
    first_ms = times[0][0]
    return [Word(word, start - first_ms, end - first_ms) for word, (start, end) in zip(words, times, strict=True)]


def _shared(words: list[str], spoken: list[Times]) -> list[tuple[float, float]]:
    """Let words without a time of their own share that of the word before them."""
    heads = [index for index, times in enumerate(spoken) if times is not None] + [len(words)]
    shared: list[tuple[float, float]] = []
    for head, end in pairwise(heads):
        start_ms, end_ms = spoken[head] or (0.0, 0.0)
        letters = [len(re.findall(r"\w", word)) for word in words[head:end]]
        per_letter_ms = (end_ms - start_ms) / max(1, sum(letters))
        for count in letters:
            shared.append((start_ms, start_ms + count * per_letter_ms))
            start_ms = shared[-1][1]
    return shared


@cache
def _flite(voice: str) -> tuple[ctypes.CDLL, c_void_p]:
    library, *_ = (ctypes.CDLL(f"lib{part}.so.1", ctypes.RTLD_GLOBAL) for part in FLITE_PARTS)
    for name, (result, arguments) in FLITE_FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
    register.restype, register.argtypes = c_void_p, [c_void_p]
    library.flite_init()
    return library, c_void_p(register(None))


def _by_flite(text: str, voice: str) -> list[Times]:
    library, handle = _flite(voice)
    utterance = library.flite_synth_text(text.encode(), handle)
    token = library.relation_head(library.utt_relation(utterance, b"Token"))
    tokens: list[tuple[str, Times]] = []
    while token:
        tokens.append((_token_text(library, token), _token_times(library, token)))
        token = library.item_next(token)
    library.delete_utterance(utterance)
    return _by_word(text, tokens)


def _token_text(library: ctypes.CDLL, token: int) -> str:
    around = (library.flite_ffeature_string(token, feature) for feature in (b"prepunctuation", b"punc"))
    before, behind = (b"" if part == ABSENT else part for part in around)
    name: bytes = library.flite_ffeature_string(token, b"name")
    return (before + name + behind).decode()


def _token_times(library: ctypes.CDLL, token: int) -> Times:
    ends_s: list[float] = []
    word = library.item_daughter(token)
    while word:
        ends_s += (library.flite_ffeature_float(word, feature) for feature in (WORD_START, WORD_END))
        word = library.item_next(word)
    return (ends_s[0] * 1000, ends_s[-1] * 1000) if ends_s else None


def _by_word(text: str, tokens: list[tuple[str, Times]]) -> list[Times]:
    """Put together the tokens of each word; a full stop behind an abbreviation is none of them."""
    left = iter(tokens)
    by_word: list[Times] = []
    for word in text.split():
        wanted, found, parts = word.replace(".", ""), "", []
        while len(found) < len(wanted):
            token, times = next(left)
            found += token.replace(".", "")
            parts += [times] if times else []
        by_word.append((parts[0][0], parts[-1][1]) if parts else None)
    return by_word


class _Event(Structure):
    _fields_ = (
        ("type", c_int),
        ("message", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position_ms", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("name", c_char * 8),
    )


Told = tuple[int, int, int, bytes]
"""Type, place in the text, time in ms and name of an event."""
_told: list[Told] = []


def _listen(_sound: object, _count: int, events: "ctypes._Pointer[_Event]") -> int:
    index = 0
    while (event := events[index]).type:
        _told.append((event.type, event.text_position - 1, event.audio_position_ms, event.name))
        index += 1
    return 0


_callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))(_listen)


@cache
def _espeak() -> ctypes.CDLL:
    library = ctypes.CDLL("libespeak-ng.so.1")
    library.espeak_Initialize(SYNCHRONOUS, 0, None, TELL_PHONEMES)
    library.espeak_SetSynthCallback(_callback)
    return library


def _by_espeak(text: str, voice: str) -> list[Times]:
    library, spoken = _espeak(), text.encode()
    _told.clear()
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken) + 1), 0, BY_CHARACTER, 0, UTF_8, None, None)
    starts_ms = [_start_ms(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    known_ms = [start for start in starts_ms if start is not None]
    next_ms = dict(pairwise([*known_ms, _told[-1][2] + 1]))
    return [None if start is None else (start, _end_ms(start, next_ms[start])) for start in starts_ms]


def _start_ms(start_char: int, end_char: int) -> int | None:
    """When the first event for a word came, if any."""
    events = (event for event in _told if event[0] == WORD_EVENT and start_char <= event[1] < end_char)
    return next((at_ms for _, _, at_ms, _ in events), None)


def _end_ms(start_ms: int, next_ms: int) -> float:
    """When the rest behind a word begins, or the next word."""
    phonemes = [
        (at_ms, name) for type_, _, at_ms, name in _told if type_ == PHONEME_EVENT and start_ms <= at_ms < next_ms
    ]
    end_ms = next_ms
    while phonemes and phonemes[-1][1].startswith(REST):
        end_ms = phonemes.pop()[0]
    return float(end_ms)
