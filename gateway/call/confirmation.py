"""
`speech_started` came while the agent was heard: does the caller want to speak?

Theory of operation. The server's `speech_started` comes 100 to 200 ms after the sound that caused it, and says
nothing of what it was. The next 400 ms do. Each frame of the caller is loud or quiet against the noise there was
before, and voiced or not. A sound that goes on, loud and voiced, is the caller, from 200 ms on if it leaves no
doubt. One that has ended is a cough, a bang, or a word too short to count; if it is transcribed in time, the words
decide. What is left undecided at the deadline is the caller: to stop for nothing costs a pause, not to listen costs
the caller's patience.

Only then is the sound held against what was played, once, since that costs 2 ms, and only if it is given: our own
voice is loud and voiced too, and gets transcribed.

Loudness is counted in frames that came, deadlines in time: a network that holds frames back makes no one quiet.
"""

import audioop
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Literal

from gateway.audio.echo import NO_LIKENESS, likeness
from gateway.audio.g711 import BYTES_PER_MS
from gateway.audio.pcm import levels
from gateway.audio.voicing import HISTORY_SAMPLES, is_voiced
from gateway.call.backchannel import is_backchannel

Verdict = Literal["caller", "noise", "backchannel", "echo"]
Sound = Literal["quiet", "unvoiced", "voiced"]

EARLIEST_MS = 200.0
LATEST_MS = 400.0
FRAME_BYTES = 20 * BYTES_PER_MS
ONSET_BYTES = 300 * BYTES_PER_MS
"""So much of what came before `speech_started` may belong to the sound that caused it."""
QUIET_FRAMES = 6
"""So much quiet, 120 ms, is the end of a sound; the closure of a consonant is shorter."""
CLEAR_FRAMES = 8
CLEAR_SHARE = 0.8
VOICED_FRAMES = 3
"""With less voice than this, 60 ms, a sound is nobody's."""
LONG_FRAMES = 18
"""A sound of 360 ms is hardly an "uh-huh" any more, and with so much voice in it not even if it has ended."""
UNSURE_BYTES = 60 * BYTES_PER_MS
"""Where our own voice was stopped is not known to the ms, so the end of a sound that outlasts it is left out."""
LOUD_RATIO = 2.0
FLOOR_RANK = 0.2
LOWEST_FLOOR_RMS = 20
HIGHEST_FLOOR_RMS = 300
"""Where there was no pause in what came before, its quietest frames are not the noise of the line."""
SILENCE = b"\xff"


class Confirmation:
    """One `speech_started` over the agent's voice."""

    def __init__(
        self, before: Iterable[str], now_ms: float, *, played: bytes = b"", echo_ms: float | None = None
    ) -> None:
        """
        *before* is what came from the caller until now, 500 ms or more, in base64.

        *played* is what the provider played until now, 1.2 s or more of mu-law, silence included; b"" asks for no echo.
        """
        self.deadline_ms = now_ms + LATEST_MS
        """From when on `verdict` is never None."""
        self._started_ms = now_ms
        self._heard = b"".join(map(b64decode, before))
        self._before_bytes = self._looked_at = len(self._heard)
        self._loud_rms = LOUD_RATIO * _floor_rms(self._heard)
        self._onset = self._sounds(max(0, self._before_bytes - ONSET_BYTES))
        self._since: list[Sound] = []
        self._played, self._played_end = played, self._before_bytes
        self._words = ""
        self._stopped = False
        self._verdict: Verdict | None = None
        self.echo = NO_LIKENESS
        """How like it was to what was played; known with the verdict."""
        self._expected_ms = echo_ms

    def correct_played(self, played: bytes, until_ms: float) -> None:
        """The provider played *played* until *until_ms*, and nothing after: known once the clear has been dated."""
        end = self._before_bytes + round((until_ms - self._started_ms) * BYTES_PER_MS)
        self._played, self._played_end = played, end

    def played_on(self, played: bytes) -> None:
        """The agent was not stopped, and the provider has played *played* until the caller's latest frame."""
        self._played, self._played_end = played, len(self._heard)

    def frame(self, payload: str, now_ms: float) -> None:
        """The caller's next frame, in base64."""
        if now_ms > self.deadline_ms:
            return
        self._heard += b64decode(payload)
        sounds = self._sounds(self._looked_at)
        self._looked_at += len(sounds) * FRAME_BYTES
        self._since += sounds

    def transcribed(self, text: str, now_ms: float) -> None:
        """What the caller said, in words; what comes after the deadline is too late."""
        if now_ms <= self.deadline_ms:
            self._words = text.strip()

    def speech_stopped(self, now_ms: float) -> None:
        """The server hears no speech any more."""
        self._stopped = self._stopped or now_ms <= self.deadline_ms

    def verdict(self, now_ms: float) -> Verdict | None:
        """Who it was, None while that is open; once given it stays."""
        if self._verdict is None and (leaning := self._leaning(now_ms)):
            self._verdict = "echo" if self._is_echo() else leaning
        return self._verdict

    def _leaning(self, now_ms: float) -> Verdict | None:
        if self._words and not is_backchannel(self._words):
            return "caller"
        if self._words and self._ended:
            return "backchannel"
        if now_ms >= self.deadline_ms:
            return "caller" if self._in_doubt else "noise"
        if now_ms < self._started_ms + EARLIEST_MS:
            return None
        if self._goes_on:
            return "caller"
        return "noise" if self._stopped and not self._in_doubt else None

    @property
    def _goes_on(self) -> bool:
        """Loud for long, nearly without a pause and to this moment, and voiced for half of it."""
        since, loud_frames = self._since, _loud_frames(self._since)
        return (
            len(since) >= CLEAR_FRAMES
            and _loud_frames(self._onset) + loud_frames >= LONG_FRAMES
            and loud_frames >= CLEAR_SHARE * len(since)
            and since[-1] != "quiet"
            and 2 * since.count("voiced") >= len(since)
        )

    @property
    def _ended(self) -> bool:
        latest = self._since[-QUIET_FRAMES:]
        return self._stopped or (len(latest) == QUIET_FRAMES and set(latest) == {"quiet"})

    @property
    def _in_doubt(self) -> bool:
        """Whether it may be the caller: there is voice in it, much if it has ended; or nothing was heard of it."""
        voiced = (self._onset + self._since).count("voiced")
        return voiced >= (LONG_FRAMES if self._ended else VOICED_FRAMES) or not (self._since or self._stopped)

    def _is_echo(self) -> bool:
        """Hold the sound, without the quiet after it, against what was played up to the same moment."""
        if not self._played:
            return False
        quiet = next((index for index, sound in enumerate(reversed(self._since)) if sound != "quiet"), len(self._since))
        end = self._looked_at - quiet * FRAME_BYTES
        if end > self._played_end:
            end -= UNSURE_BYTES
        silent = end - self._played_end
        played = self._played + SILENCE * silent if silent > 0 else self._played[: len(self._played) + silent]
        self.echo = likeness(self._heard[:end], played, expected_ms=self._expected_ms)
        return self.echo.echo_only

    def _sounds(self, start: int) -> list[Sound]:
        """What is heard in each whole frame from *start* on."""
        ends = range(start + FRAME_BYTES, len(self._heard) + 1, FRAME_BYTES)
        return [self._sound(audioop.ulaw2lin(self._heard[max(0, end - HISTORY_SAMPLES) : end], 2)) for end in ends]

    def _sound(self, pcm: bytes) -> Sound:
        if audioop.rms(pcm[-2 * FRAME_BYTES :], 2) < self._loud_rms:
            return "quiet"
        return "voiced" if is_voiced(pcm) else "unvoiced"


def _loud_frames(sounds: Sequence[Sound]) -> int:
    return len(sounds) - sounds.count("quiet")


def _floor_rms(heard: bytes) -> int:
    """How loud the line is when nobody speaks."""
    found = sorted(levels(audioop.ulaw2lin(heard, 2))) or [LOWEST_FLOOR_RMS]
    return min(HIGHEST_FLOOR_RMS, max(LOWEST_FLOOR_RMS, found[int(FLOOR_RANK * len(found))]))
