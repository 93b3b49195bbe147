"""
When each piece of a response is sent.

Everything is placed at a position in the audio of the whole response, and the position alone decides the
time: generation starts `first_audio_ms` after the response and is `speed` times faster than speech. A stall
shifts all that lies behind it. Deadlines are absolute, so that nothing drifts. Words run ahead of the sound:
those of an item are all out before half of its audio is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TypeAlias

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.formats import AudioFormat
from gateway.sim.realtime.turn import Call, Fail, Stop

ITEM_LEAD_MS = 100.0
"""How long before its first audio the first item appears."""
WORDS_DONE_AT = 0.4
WRITTEN_WORD_MS = 300.0
ARGUMENT_CHARACTERS = 12
OVERLAP_MS = 1.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message with its sound, in the format of the response."""

    text: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A message of mere text."""

    text: str


Rendered: TypeAlias = Spoken | Written | Call | Fail | Stop


@dataclass(frozen=True, slots=True)
class Open:
    """An item begins."""

    output: Spoken | Written | Call


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text, or of arguments, is ready."""

    delta: str


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of audio is ready."""

    delta: bytes


@dataclass(frozen=True, slots=True)
class Shut:
    """An item is complete."""


Action: TypeAlias = Open | Words | Sound | Shut | Fail | Stop


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens to an item at a position in the audio of the response."""

    position_ms: float
    output_index: int
    action: Action


def due_ms(position_ms: float, behaviour: Behaviour) -> float:
    """How long after the response was created the audio at *position_ms* is ready."""
    stalled_ms = sum(stall.length_ms for stall in behaviour.stalls if stall.at_ms <= position_ms)
    return behaviour.first_audio_ms + position_ms / behaviour.speed + stalled_ms


def schedule(outputs: tuple[Rendered, ...], sound: AudioFormat, behaviour: Behaviour) -> list[Step]:
    """Every step of a response, in order."""
    lead_ms = min(ITEM_LEAD_MS, behaviour.first_audio_ms / 2) * behaviour.speed
    steps: list[Step] = []
    opens_ms, position_ms = -lead_ms, 0.0
    for index, output in enumerate(outputs):
        if isinstance(output, Fail | Stop):
            steps.append(Step(position_ms, index, output))
            break
        end_ms = position_ms + _length_ms(output, sound)
        overlap_ms = OVERLAP_MS if behaviour.overlapping_items and end_ms > position_ms else 0.0
        steps.append(Step(opens_ms, index, Open(output)))
        words_done_ms = position_ms + (end_ms - position_ms) * WORDS_DONE_AT
        steps += (Step(at_ms, index, words) for at_ms, words in _words(output, opens_ms, words_done_ms))
        if isinstance(output, Spoken):
            sounds = _sounds(output.audio, sound, behaviour.delta_ms)
            steps += (Step(position_ms + at_ms, index, piece) for at_ms, piece in sounds)
        steps.append(Step(end_ms + overlap_ms, index, Shut()))
        opens_ms = position_ms = end_ms
    return sorted(steps, key=lambda step: step.position_ms)


def _length_ms(output: Spoken | Written | Call, sound: AudioFormat) -> float:
    match output:
        case Spoken():
            return len(output.audio) / sound.bytes_per_ms
        case Written():
            return WRITTEN_WORD_MS * len(output.text.split())
        case Call():
            return 0.0


def _words(output: Spoken | Written | Call, from_ms: float, until_ms: float) -> Iterator[tuple[float, Words]]:
    """The pieces of a text, evenly from *from_ms* to *until_ms*."""
    if isinstance(output, Call):
        pieces = re.findall(rf"(?s).{{1,{ARGUMENT_CHARACTERS}}}", str(output.arguments))
    else:
        pieces = re.findall(r"\S+\s*", output.text)
    for index, piece in enumerate(pieces):
        yield from_ms + (until_ms - from_ms) * index / len(pieces), Words(piece)


def _sounds(audio: bytes, sound: AudioFormat, delta_ms: tuple[float, ...]) -> Iterator[tuple[float, Sound]]:
    """The pieces of *audio*, and where each begins."""
    offset, lengths_ms = 0, cycle(delta_ms)
    while offset < len(audio):
        length = max(1, round(next(lengths_ms) * sound.bytes_per_ms))
        yield offset / sound.bytes_per_ms, Sound(audio[offset : offset + length])
        offset += length
