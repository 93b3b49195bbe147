"""
How far is the heard transcript from what the caller heard?

    python -m tests.bench.heard_text

Synthesisers that tell the time of each word say what agents say on the phone. Every reply is cut at random moments, and
the boundary between heard and unheard text is held against the true times of the words, next to the naive estimate: the
same share of the characters as of the audio. The weights of words were found with other replies, and with two of the
voices only.

An error is the audio between the true place of the boundary and the cut. Nobody can cut within a word, so the errors of
the boundary that is truly nearest come last. `stated` is how often an error was no larger than the estimate said. Exits
with 1 when that is too seldom, or when the naive estimate is better.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from gateway.audio.g711 import BYTES_PER_MS
from gateway.playback.heard_text import ItemText, Pace
from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.formats import PCMU
from gateway.sim.realtime.schedule import Sound, Spoken, Words, schedule
from tests.bench.heard_replies import TO_JUDGE_THEM
from tests.bench.truncation import percentile
from tests.bench.word_times import Word, word_times

VOICES = ("flite slt", "espeak en-us+f3", "flite rms", "espeak en-us+m3")
STATED_AT_LEAST = 0.9
HEAD = (
    f"{'':44}{'estimate':^31}{'naive':^31}{'nearest':^12}\n{'':44}"
    + 2 * (f"{'p50':>5}{'p95':>6}{'max':>6}{'right':>7}{'±1':>6} ")
    + f"{'p50':>5}{'p95':>6}{'stated':>9}"
)
Delta = str | bytes


@dataclass(frozen=True, slots=True)
class Condition:
    """What was known of an item when it was cut."""

    name: str
    ahead: bool = True
    """Whether all words come before half of the audio, as the realtime emulator has it; else evenly with it."""
    cut_off: bool = False
    """Whether the item was still being generated."""
    first: bool = False
    """Whether nothing was heard of the voice before."""


CONDITIONS = (
    Condition("whole"),
    Condition("cut off, text ahead", cut_off=True),
    Condition("cut off, text even", cut_off=True, ahead=False),
    Condition("cut off, text ahead, first item", cut_off=True, first=True),
)


class Reply:
    """Something said, and the true time of each of its words."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.text = " ".join(word.text for word in words)
        self.length_ms = words[-1].end_ms
        self.boundaries = [0, *accumulate(len(word.text) + 1 for word in words)]
        self.boundaries[-1] = len(self.text)

    def deltas(self, *, ahead: bool) -> list[Delta]:
        """Text and audio in the order in which they are sent."""
        spoken = Spoken(self.text, bytes(round(self.length_ms * BYTES_PER_MS)))
        actions = (step.action for step in schedule((spoken,), PCMU, Behaviour()))
        deltas: list[Delta] = [action.delta for action in actions if isinstance(action, Words | Sound)]
        return deltas if ahead else _evenly(deltas)

    def off_ms(self, words_heard: int, heard_ms: float) -> float:
        """How far the boundary behind so many words is from where the caller was."""
        behind_ms = self.words[words_heard].start_ms if words_heard < len(self.words) else heard_ms
        before_ms = self.words[words_heard - 1].end_ms if words_heard else 0.0
        return max(before_ms - heard_ms, heard_ms - behind_ms, 0.0)

    def words_heard(self, heard_ms: float) -> int:
        """The words whose middle was played."""
        return sum((word.start_ms + word.end_ms) / 2 <= heard_ms for word in self.words)


def _evenly(deltas: Sequence[Delta]) -> list[Delta]:
    """The same deltas, text and audio each spread evenly from beginning to end."""
    places: list[tuple[float, Delta]] = []
    for kind in (str, bytes):
        alike = [delta for delta in deltas if isinstance(delta, kind)]
        places += ((index / len(alike), delta) for index, delta in enumerate(alike))
    return [delta for _, delta in sorted(places, key=lambda place: place[0])]


@dataclass(frozen=True, slots=True)
class Judged:
    """An estimate against the truth."""

    error_ms: float
    words_off: int


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut, by both estimates."""

    estimate: Judged
    naive: Judged
    nearest_ms: float
    stated: bool


def cut(reply: Reply, condition: Condition, pace: Pace, rng: random.Random) -> Cut:
    """Cut a reply at a random moment of what came of it."""
    item = ItemText(Pace() if condition.first else pace)
    deltas = reply.deltas(ahead=condition.ahead)
    if condition.cut_off:
        first_sound = next(index for index, delta in enumerate(deltas) if isinstance(delta, bytes))
        deltas = deltas[: rng.randint(first_sound + 1, len(deltas) - 1)]
    received_bytes = _receive(item, deltas)
    if not condition.cut_off:
        item.text_done(reply.text)
    heard_bytes = rng.randint(0, received_bytes)
    heard_ms = heard_bytes / BYTES_PER_MS
    parted = item.split(heard_bytes, received_bytes=received_bytes, complete=not condition.cut_off)
    truly = reply.words_heard(heard_ms)

    def judged(chars: int) -> Judged:
        words_heard = reply.boundaries.index(chars)
        return Judged(reply.off_ms(words_heard, heard_ms), abs(words_heard - truly))

    estimate = judged(len(parted.heard))
    naive = judged(_naive_chars(item.text, heard_bytes / received_bytes))
    return Cut(estimate, naive, reply.off_ms(truly, heard_ms), estimate.error_ms <= parted.error_ms)


def _receive(item: ItemText, deltas: Sequence[Delta]) -> int:
    """Let deltas come in; answers with the audio among them."""
    received_bytes = 0
    for delta in deltas:
        if isinstance(delta, str):
            item.text_came(delta, received_bytes=received_bytes)
        else:
            received_bytes += len(delta)
    return received_bytes


def _naive_chars(text: str, share: float) -> int:
    """The boundary nearest to the same share of the characters as of the audio."""
    boundaries = [0, *(match.end() for match in re.finditer(r"\S+\s*", text))]
    return min(boundaries, key=lambda boundary: abs(boundary - share * len(text)))


def measure(voice: str, condition: Condition, cuts: int, seed: int) -> dict[str, float]:
    """Cut every reply of a voice so many times, in a call that hears one after the other."""
    rng, pace = random.Random(seed), Pace()
    done: list[Cut] = []
    for reply in (Reply(word_times(text, voice)) for text in TO_JUDGE_THEM):
        done += (cut(reply, condition, pace, rng) for _ in range(cuts))
        pace.learn(reply.text, spoken_bytes=round(reply.length_ms * BYTES_PER_MS))
    nearest_ms = [cut.nearest_ms for cut in done]
    return {
        **_figures("estimate", [cut.estimate for cut in done]),
        **_figures("naive", [cut.naive for cut in done]),
        "nearest_p50_ms": round(percentile(nearest_ms, 0.5)),
        "nearest_p95_ms": round(percentile(nearest_ms, 0.95)),
        "stated": round(sum(cut.stated for cut in done) / len(done), 3),
    }


def _figures(name: str, judged: Sequence[Judged]) -> dict[str, float]:
    errors_ms = [one.error_ms for one in judged]
    return {
        f"{name}_p50_ms": round(percentile(errors_ms, 0.5)),
        f"{name}_p95_ms": round(percentile(errors_ms, 0.95)),
        f"{name}_max_ms": round(max(errors_ms)),
        f"{name}_right": round(sum(one.words_off == 0 for one in judged) / len(judged), 3),
        f"{name}_off_by_one_at_most": round(sum(one.words_off <= 1 for one in judged) / len(judged), 3),
    }


def row(figures: dict[str, float]) -> str:
    """Figures side by side: shares in percent, the rest in ms."""
    p50, p95, most, right, near, *naive, nearest_p50, nearest_p95, stated = figures.values()
    ours = f"{p50:5}{p95:6}{most:6}{right:7.0%}{near:6.0%} "
    theirs = "{:5}{:6}{:6}{:7.0%}{:6.0%} ".format(*naive)
    return f"{ours}{theirs}{nearest_p50:5}{nearest_p95:6}{stated:9.0%}"


def main() -> int:
    """Measure, print, and say whether the estimate keeps its word."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.heard_text", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cuts", type=int, default=20, help="of each reply")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    o = parser.parse_args()
    print(HEAD)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for condition in CONDITIONS:
        by_voice = {voice: measure(voice, condition, o.cuts, o.seed) for voice in VOICES}
        for voice, figures in by_voice.items():
            print(f"{condition.name:<32}{voice.removeprefix('espeak '):<12}{row(figures)}")
        results[condition.name] = by_voice
    if o.json:
        o.json.write_text(json.dumps({"cuts": o.cuts, "seed": o.seed, **results}, indent=2) + "\n")
    rows = [figures for by_voice in results.values() for figures in by_voice.values()]
    kept = all(figures["stated"] >= STATED_AT_LEAST for figures in rows)
    return 0 if kept and all(figures["estimate_p50_ms"] <= figures["naive_p50_ms"] for figures in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
