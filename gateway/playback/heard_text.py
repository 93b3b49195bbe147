"""
Which words of an item the caller has heard.

Theory of operation. Transcript deltas carry no time and run ahead of their audio, so the place of a word in the audio
is estimated from how long words take to say (`speaking_time`). Of an item that was said in full, text and audio begin
and end together: the weights are stretched over the audio. Of one that was cut off in generation nobody knows where in
the text its audio ends: there the pace of the voice decides, as learned from what it said in full earlier in the call.

The order of deltas proves one thing. A word is written before it is said, so what came behind so many bytes of audio is
said no earlier than there, give or take the delta that it came behind; and the text that came with some audio lasts at
least as long. This is believed as far as the weights make it likely: where a server's text trails its audio, or comes
in one piece at the end, it proves nothing. It helps little, and only where text is hardly ahead.

A word counts as heard once its middle has been played. A voice strays from the weights like a random walk: after t ms
by `_WALK` times the root of t, less where both ends are known. From this follows the error that is stated.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf, sqrt

from gateway.audio.g711 import BYTES_PER_MS
from gateway.playback.speaking_time import Unit, units

_WALK = 7.0
"""Standard deviation of a voice from the weights after 1 ms; it grows with the root of time."""
_PACE_SPREAD = 0.15
"""Standard deviation of the pace of a voice that was never heard."""
_LIKELY_PACES = (0.4, 2.5)
"""Outside of these the text is not what was said."""
_DELTA_MS = 300.0
"""A word may come behind the audio delta that begins it; so long may one be."""
_BELIEVED = 3.0
"""Standard deviations by which the order of deltas may contradict the weights."""
_NINETY_FIVE = 1.645
"""Standard deviations that 95 in 100 do not exceed, to one side."""


@dataclass(frozen=True, slots=True)
class HeardText:
    """The text of an item, parted where the caller stopped listening."""

    heard: str
    unheard: str
    error_ms: float
    """In 95 cuts of 100 the audio between the true place of this boundary and where the caller was is no longer."""


class Pace:
    """How long a voice takes, next to what the weights expect; all items of a call share one."""

    __slots__ = ("_expected_ms", "_took_ms")

    def __init__(self) -> None:
        self._expected_ms = self._took_ms = (_WALK / _PACE_SPREAD) ** 2

    @property
    def factor(self) -> float:
        """What to multiply the weights by."""
        return self._took_ms / self._expected_ms

    @property
    def known_ms(self) -> float:
        """How much speech this was learned from; what is known beforehand counts like a short sentence."""
        return self._expected_ms

    def learn(self, text: str, *, spoken_bytes: int) -> None:
        """All of *text* was said in so many bytes of audio."""
        expected_ms = max((unit.end_ms for unit in units(text)), default=0.0)
        took_ms = spoken_bytes / BYTES_PER_MS
        least_ms, most_ms = (expected_ms * likely for likely in _LIKELY_PACES)
        if least_ms < took_ms < most_ms:
            self._expected_ms += expected_ms
            self._took_ms += took_ms


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Text from a character on came only behind so much audio."""

    start_char: int
    received_bytes: int


class ItemText:
    """The text of one content part of one item, and behind how much of its audio it came."""

    __slots__ = ("_arrivals", "_done", "_pace", "_text")

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._text = ""
        self._done = False
        self._arrivals: list[_Arrival] = []

    @property
    def text(self) -> str:
        """All of the text that has come."""
        return self._text

    def text_came(self, delta: str, *, received_bytes: int) -> None:
        """A transcript delta came, behind so many bytes of the part's audio; once the text is done it is too late."""
        if self._done:
            return
        if delta and received_bytes > (self._arrivals[-1].received_bytes if self._arrivals else 0):
            self._arrivals.append(_Arrival(len(self._text), received_bytes))
        self._text += delta

    def text_done(self, transcript: str) -> None:
        """The whole transcript, as the server has it, takes the place of what the deltas came to."""
        agreed_chars = _agreed_chars(self._text, transcript)
        self._arrivals = [arrival for arrival in self._arrivals if arrival.start_char <= agreed_chars]
        self._text = transcript
        self._done = True

    def split(self, heard_bytes: int, *, received_bytes: int, complete: bool) -> HeardText:
        """
        Part the text where the caller was after *heard_bytes* of the *received_bytes* of its audio.

        *complete* says that this audio says the whole text: the response was not cut off in generation.
        """
        if heard_bytes <= 0:
            return HeardText("", self._text, 0.0)
        if complete and heard_bytes >= received_bytes:
            return HeardText(self._text, "", 0.0)
        said = tuple(units(self._text))
        audio_ms = received_bytes / BYTES_PER_MS
        stretch = _over_all(said, audio_ms) if complete else _by_pace(said, audio_ms, self._pace)
        return self._parted(heard_bytes / BYTES_PER_MS, stretch, said)

    def _parted(self, heard_ms: float, stretch: "_Stretch", said: tuple[Unit, ...]) -> HeardText:
        end_char, end_ms, next_start_ms = 0, 0.0, inf
        for unit in stretch.placed(said, self._arrivals):
            if (unit.start_ms + unit.end_ms) / 2 > heard_ms:
                next_start_ms = unit.start_ms
                break
            end_char, end_ms = unit.end_char, unit.end_ms
        off_ms = max(end_ms - heard_ms, heard_ms - next_start_ms, 0.0)
        error_ms = off_ms + _NINETY_FIVE * stretch.deviation_ms(heard_ms)
        return HeardText(self._text[:end_char], self._text[end_char:], error_ms)


def _agreed_chars(text: str, transcript: str) -> int:
    """How far two texts are the same."""
    pairs = enumerate(zip(text, transcript, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(text), len(transcript)))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """How the weights of a text are laid over its audio."""

    factor: float
    ends_ms: float = inf
    """Where text and audio are known to end together."""
    known_ms: float = inf
    """How much speech the factor was learned from."""

    def deviation_ms(self, at_ms: float) -> float:
        """Standard deviation, there, of the voice from the weights."""
        return _WALK * sqrt(at_ms * max(0.0, 1 - at_ms / self.ends_ms + at_ms / self.known_ms))

    def believes(self, late_ms: float, at_ms: float) -> bool:
        """Whether what the weights put *at_ms* may well be so much later."""
        return 0 < late_ms < _BELIEVED * self.deviation_ms(at_ms)

    def placed(self, said: tuple[Unit, ...], arrivals: list[_Arrival]) -> Iterator[Unit]:
        """Each unit in the audio: by the weights, but no earlier than its text allows."""
        waiting, earliest_ms, start_char = deque(arrivals), 0.0, 0
        for unit in said:
            while waiting and waiting[0].start_char <= start_char:
                earliest_ms = waiting.popleft().received_bytes / BYTES_PER_MS - _DELTA_MS
            start_ms, end_ms = unit.start_ms * self.factor, unit.end_ms * self.factor
            late_ms = earliest_ms - start_ms
            if not self.believes(late_ms, start_ms):
                late_ms = 0.0
            yield Unit(unit.end_char, start_ms + late_ms, end_ms + late_ms)
            start_char = unit.end_char


def _over_all(said: tuple[Unit, ...], audio_ms: float) -> _Stretch:
    """Text and audio begin and end together."""
    return _Stretch(audio_ms / said[-1].end_ms if said else 1.0, ends_ms=audio_ms)


def _by_pace(said: tuple[Unit, ...], audio_ms: float, pace: Pace) -> _Stretch:
    """The text lasts as long as the voice needs for it, and no less than the audio that came with it."""
    stretch = _Stretch(pace.factor, known_ms=pace.known_ms)
    usual_ms = said[-1].end_ms * pace.factor if said else 0.0
    if stretch.believes(audio_ms - usual_ms, usual_ms):
        return replace(stretch, factor=pace.factor * audio_ms / usual_ms)
    return stretch
