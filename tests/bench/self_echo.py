"""
How often is our own voice recognised when it comes back, and how often is a caller taken for it?

    python -m tests.bench.self_echo --trials 200

Every trial draws a voice and a moment of what it says, a phone with a delay of 5 to 600 ms, a loss of 6 to 35 dB and
resonances of its own, and the 300 to 600 ms that are looked at. What happens besides the echo is the situation. A
caller's level is given against the echo: 0 dB is a caller no louder than the echo of the agent. Prints how often each
situation was called an echo and nothing else, and what a check costs; exits with 1 when a goal is missed.
"""

import argparse
import asyncio
import audioop
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from gateway.audio.echo import Likeness, likeness
from gateway.audio.pcm import levelled, levels
from gateway.sim.echo_path import EchoPath, noise
from gateway.sim.voices import ESPEAK, FLITE, speak
from tests.bench.truncation import INTERRUPTION, QUESTION, SENTENCES, percentile

ENGINES = (FLITE, ESPEAK)
CALLER_SAYS = (QUESTION, INTERRUPTION, "Wait, no, that is not what I wanted at all, I meant the other one.")
PLAYED_BYTES = 1_200 * 8
REACH_BYTES = 700 * 8
WINDOWS_MS = (300, 400, 500, 600)
FAINTEST_RMS = 10
ACTIVE_SHARE = 0.25
"""A frame this loud against a whole utterance has speech in it."""


@dataclass(frozen=True)
class Echoed:
    """What was played, and what of it came back in the frames that are looked at."""

    said: bytes
    played: bytes
    pcm: bytes
    path: EchoPath

    @property
    def rms(self) -> int:
        """How loud the echo is."""
        return int(audioop.rms(self.pcm, 2))


@dataclass
class Studio:
    """Voices, phones, and dice."""

    agents: list[bytes]
    callers: list[bytes]
    dice: random.Random

    def echoed(self) -> Echoed:
        """The agent speaks, and the phone sends it back."""
        while True:
            said, dice = self.dice.choice(self.agents), self.dice
            path = EchoPath(dice.uniform(5, 600), dice.uniform(6, 35), seed=dice.randrange(1_000_000))
            end = dice.randrange(PLAYED_BYTES + REACH_BYTES, len(said))
            played = said[end - PLAYED_BYTES - REACH_BYTES : end]
            pcm = path.echo(played)[-16 * dice.choice(WINDOWS_MS) :]
            echoed = Echoed(said, played[-PLAYED_BYTES:], pcm, path)
            if echoed.rms >= FAINTEST_RMS:
                return echoed

    def voice(self, length: int, voices: Sequence[bytes]) -> bytes:
        """Someone in the middle of speaking, as *length* bytes of 16-bit samples."""
        while True:
            pcm = audioop.ulaw2lin(self.dice.choice(voices), 2)
            start = 2 * self.dice.randrange(0, (len(pcm) - length) // 2)
            part = pcm[start : start + length]
            active = [level > ACTIVE_SHARE * audioop.rms(pcm, 2) for level in levels(part)]
            if active[0] and sum(active) >= 0.8 * len(active):
                return part

    def noise(self, length: int, rms: float) -> bytes:
        """Even noise."""
        return noise(self.dice, length, rms)


Situation = Callable[[Studio, Echoed], bytes]


def alone(_: Studio, echo: Echoed) -> bytes:
    """Nothing but the echo."""
    return echo.pcm


def noisy(snr_db: float) -> Situation:
    """The echo in the noise of a room."""
    return lambda studio, echo: _add(echo.pcm, studio.noise(len(echo.pcm), echo.rms * _factor(-snr_db)))


def spoken_over(level_db: float) -> Situation:
    """The caller speaks all the time."""
    return lambda studio, echo: _add(echo.pcm, _caller(studio, len(echo.pcm), echo, level_db))


def cut_in(level_db: float) -> Situation:
    """The caller speaks in the last 100 to 200 ms."""

    def mixed(studio: Studio, echo: Echoed) -> bytes:
        spoken = _caller(studio, 16 * studio.dice.randrange(100, 200), echo, level_db)
        return _add(echo.pcm, spoken.rjust(len(echo.pcm), b"\0"))

    return mixed


def caller_alone(studio: Studio, echo: Echoed) -> bytes:
    """A phone that sends nothing back."""
    return audioop.mul(studio.voice(len(echo.pcm), studio.callers), 2, studio.dice.choice((0.05, 0.2, 1.0)))


def other_words(studio: Studio, echo: Echoed) -> bytes:
    """The agent's voice or its like, with other words: another call on a loudspeaker."""
    return studio.voice(len(echo.pcm), [voice for voice in studio.agents if voice is not echo.said])


def only_noise(studio: Studio, echo: Echoed) -> bytes:
    """No voice at all."""
    return studio.noise(len(echo.pcm), studio.dice.choice((0, 30, 300, 3000)))


def overdriven(_: Studio, echo: Echoed) -> bytes:
    """A loudspeaker that clips at three times the mean level."""
    full_scale_rms = 32_767 // 3
    return bytes(audioop.mul(levelled(echo.pcm, full_scale_rms), 2, echo.rms / full_scale_rms))


ECHOES: dict[str, tuple[Situation, float]] = {
    "echo": (alone, 0.90),
    "echo, noise 25 dB below": (noisy(25), 0.85),
    "echo, noise 15 dB below": (noisy(15), 0.80),
    "echo, noise 10 dB below": (noisy(10), 0.75),
    "echo, loudspeaker clips": (overdriven, 0.50),
}
"""And the share that must be recognised."""
NO_ECHOES: dict[str, tuple[Situation, float]] = {
    "caller over it, +10 dB": (spoken_over(10), 0.0),
    "caller over it, +3 dB": (spoken_over(3), 0.0),
    "caller over it, 0 dB": (spoken_over(0), 0.0),
    "caller over it, -6 dB": (spoken_over(-6), 0.01),
    "caller over it, -10 dB": (spoken_over(-10), 0.02),
    "caller cuts in, +10 dB": (cut_in(10), 0.0),
    "caller cuts in, +3 dB": (cut_in(3), 0.0),
    "caller cuts in, 0 dB": (cut_in(0), 0.005),
    "caller cuts in, -6 dB": (cut_in(-6), 0.02),
    "caller, no echo": (caller_alone, 0.0),
    "agent's voice, other words": (other_words, 0.0),
    "noise, no echo": (only_noise, 0.0),
}
"""And the share that may be mistaken."""


@dataclass
class Figures:
    """What came of one situation."""

    answers: list[Likeness] = field(default_factory=list)
    delay_errors_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How often it was called an echo and nothing else."""
        return sum(answer.echo_only for answer in self.answers) / len(self.answers)


def measure(studio: Studio, situation: Situation, trials: int) -> Figures:
    """Try one situation again and again."""
    figures = Figures()
    for _ in range(trials):
        echo = studio.echoed()
        heard = audioop.lin2ulaw(_add(situation(studio, echo), studio.noise(len(echo.pcm), 4)), 2)
        began_s = time.process_time()
        answer = likeness(heard, echo.played)
        figures.cpu_ms.append((time.process_time() - began_s) * 1000)
        figures.answers.append(answer)
        figures.delay_errors_ms.append(abs(answer.delay_ms - echo.path.delay_ms - PEAK_MS))
    return figures


PEAK_MS = 3.0
"""From the beginning of a simulated echo to most of it."""


def _caller(studio: Studio, length: int, echo: Echoed, level_db: float) -> bytes:
    return levelled(studio.voice(length, studio.callers), max(1, round(echo.rms * _factor(level_db))))


def _add(one: bytes, other: bytes) -> bytes:
    return bytes(audioop.add(one, other, 2))


def _factor(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))


async def studio(seed: int) -> Studio:
    """All voices there are."""
    agents = [(await speak(text, engine=engine)).audio for text, engine in product(SENTENCES, ENGINES)]
    callers = [
        (await speak(text, voice="caller", engine=engine)).audio for text, engine in product(CALLER_SAYS, ENGINES)
    ]
    return Studio(agents, callers, random.Random(seed))


def results(place: Studio, trials: int) -> Iterator[tuple[str, Figures, bool]]:
    """Each situation, what came of it, and whether that is good enough."""
    for name, (situation, least) in ECHOES.items():
        figures = measure(place, situation, trials)
        yield name, figures, figures.share >= least
    for name, (situation, most) in NO_ECHOES.items():
        figures = measure(place, situation, trials)
        yield name, figures, figures.share <= most


def main() -> int:
    """Measure, print, and say whether the goals are met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.self_echo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--trials", type=int, default=200, help="for each situation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    shares, cpu_ms, met = {}, [], True
    print(f"{'':<28}{'called echo':>12}{'delay error p95':>18}")
    for name, figures, good in results(asyncio.run(studio(options.seed)), options.trials):
        error_ms = f"{percentile(figures.delay_errors_ms, 0.95):.1f} ms" if name in ECHOES else ""
        print(f"{name:<28}{figures.share:>11.1%} {error_ms:>17}{'' if good else '  missed'}")
        shares[name], met = figures.share, met and good
        cpu_ms += figures.cpu_ms
    print(f"CPU of a check: p50 {percentile(cpu_ms, 0.5):.2f} ms, p99 {percentile(cpu_ms, 0.99):.2f} ms")
    if options.json:
        options.json.write_text(json.dumps({"trials": options.trials, "seed": options.seed, **shares}, indent=2) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
