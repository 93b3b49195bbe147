"""Who wants to speak is let speak; who coughs, nods or echoes is not."""

import audioop
import base64
from dataclasses import dataclass
from itertools import count
from random import Random

import pytest

from gateway.call.backchannel import is_backchannel
from gateway.call.confirmation import Confirmation, Verdict
from gateway.sim.echo_path import EchoPath, noise
from gateway.sim.sounds import cough, noise_burst
from gateway.sim.voices import FLITE, speak
from tests.real_parts import needs

FRAME_MS = 20
BEFORE_MS = 600
LATENCIES_MS = [60, 100, 200]
"""From the beginning of a sound to `speech_started`."""
AGENT = "Thank you for waiting, I have found the booking for Friday."
SILENCE = b"\xff"
latencies = pytest.mark.parametrize("latency_ms", LATENCIES_MS)


async def spoken(text: str, voice: str = "caller") -> bytes:
    """Words, in a real voice."""
    needs(FLITE)
    return (await speak(text, voice=voice, engine=FLITE)).audio


@dataclass(frozen=True)
class Line:
    """A caller's line on which a sound begins at 600 ms; `speech_started` is at 0."""

    frames: list[str]
    before: int

    @classmethod
    def carrying(cls, sound: bytes, latency_ms: int, *, noise_rms: float = 5) -> "Line":
        """A *sound* in noise, and `speech_started` so much later than its beginning."""
        audio = SILENCE * (BEFORE_MS * 8) + sound + SILENCE * (1_500 * 8)
        pcm = audioop.ulaw2lin(audio, 2)
        heard = audioop.lin2ulaw(audioop.add(pcm, noise(Random(1), len(pcm), noise_rms), 2), 2)
        frames = [base64.b64encode(heard[start : start + 160]).decode() for start in range(0, len(heard) - 159, 160)]
        return cls(frames, (BEFORE_MS + latency_ms) // FRAME_MS)

    def confirmation(self, played: bytes = b"") -> Confirmation:
        """Begin when the server hears speech."""
        return Confirmation(self.frames[: self.before], 0.0, played=played)

    def judge(self, confirmation: Confirmation) -> tuple[Verdict, int]:
        """Go on until there is a verdict; answers it, and when it came."""
        for index in count():
            now_ms = index * FRAME_MS
            if verdict := confirmation.verdict(now_ms):
                return verdict, now_ms
            confirmation.frame(self.frames[self.before + index], now_ms)
        raise AssertionError("a confirmation without an end")


@latencies
@pytest.mark.parametrize("noise_rms", [0, 5, 50])
@pytest.mark.parametrize("text", ["Sorry, one moment please.", "Excuse me?", "What time is it?", "Six o'clock."])
async def test_who_goes_on_speaking_is_the_caller(text: str, noise_rms: float, latency_ms: int) -> None:
    """
    Between 200 and 400 ms after `speech_started`, in any voice and on any line.
    """
    line = Line.carrying(await spoken(text), latency_ms, noise_rms=noise_rms)
    verdict, at_ms = line.judge(line.confirmation())
    assert verdict == "caller"
    assert 200 <= at_ms <= 400


async def test_the_clear_case_is_decided_early() -> None:
    """
    Loud voice without a pause needs no more than 220 ms, with the 160 ms before `speech_started`.
    """
    line = Line.carrying(await spoken("Sorry, one moment please."), 160)
    verdict, at_ms = line.judge(line.confirmation())
    assert (verdict, at_ms <= 220) == ("caller", True)


@latencies
@pytest.mark.parametrize("seed", range(6))
def test_a_cough_is_noise(seed: int, latency_ms: int) -> None:
    """
    Loud as it is, it ends, and there is no voice in it.
    """
    line = Line.carrying(cough(seed), latency_ms)
    assert line.judge(line.confirmation()) == ("noise", 400)


@latencies
@pytest.mark.parametrize("length_ms", [60, 250, 900])
def test_a_bang_is_noise_and_so_is_a_rustle(length_ms: int, latency_ms: int) -> None:
    """
    Short or long: a sound without any voice is nobody's.
    """
    line = Line.carrying(noise_burst(length_ms), latency_ms)
    assert line.judge(line.confirmation()) == ("noise", 400)


async def test_a_short_word_is_noise_until_it_is_transcribed() -> None:
    """
    A sound that has ended before the deadline is not yet a word; its transcription, when it comes, may make it one.
    """
    line = Line.carrying(await spoken("No."), 150)
    assert line.judge(line.confirmation())[0] == "noise"
    confirmation = line.confirmation()
    confirmation.transcribed("No.", 150)
    assert confirmation.verdict(150) == "caller"


async def test_a_nod_in_words_is_a_backchannel_once_it_has_ended() -> None:
    """
    "Uh-huh" lets the agent go on; "uh-huh" and a voice that does not stop does not.
    """
    nod = Line.carrying(await spoken("uh huh"), 150)
    confirmation = nod.confirmation()
    confirmation.transcribed("Uh-huh.", 100)
    assert confirmation.verdict(100) is None
    assert nod.judge(confirmation)[0] == "backchannel"

    more = Line.carrying(await spoken("Sorry, one moment please."), 150)
    confirmation = more.confirmation()
    confirmation.transcribed("Okay", 100)
    assert more.judge(confirmation)[0] == "caller"


def test_the_end_of_speech_settles_what_was_no_speech() -> None:
    """
    When the server hears no speech any more, nobody waits for the deadline, but no less than 200 ms.
    """
    line = Line.carrying(cough(), 60)
    confirmation = line.confirmation()
    confirmation.speech_stopped(100)
    assert line.judge(confirmation) == ("noise", 200)


def test_without_frames_it_is_the_caller() -> None:
    """
    A network that holds everything back says nothing about who spoke.
    """
    line = Line.carrying(cough(), 100)
    confirmation = line.confirmation()
    assert confirmation.verdict(399.9) is None
    assert confirmation.verdict(confirmation.deadline_ms) == "caller"


async def test_a_verdict_stays() -> None:
    """
    What comes after it changes nothing.
    """
    line = Line.carrying(cough(), 100)
    confirmation = line.confirmation()
    verdict, at_ms = line.judge(confirmation)
    confirmation.transcribed("No, stop!", at_ms + 1)
    for frame in Line.carrying(await spoken("Sorry, one moment please."), 0).frames:
        confirmation.frame(frame, at_ms + 1)
    assert confirmation.verdict(at_ms + 1000) == verdict


@pytest.mark.parametrize("delay_ms", [40.3, 160.7, 320.1])
async def test_our_own_voice_is_an_echo_whatever_it_says(delay_ms: float) -> None:
    """
    It is loud, voiced and goes on, and its transcription has words: none of them the caller's.
    """
    audio, path = (await spoken(AGENT, "agent"))[: 1_800 * 8], EchoPath(delay_ms)
    echo = audioop.lin2ulaw(path.echo(SILENCE * 8_000 + audio + SILENCE * 8_000), 2)
    start = 8_000 - path.reach_bytes
    line = Line.carrying(echo[start : start + 2_400 * 8], 1_800)
    confirmation = line.confirmation(SILENCE * 4_800 + audio)
    assert line.judge(confirmation)[0] == "echo"
    confirmation = line.confirmation(SILENCE * 4_800 + audio)
    confirmation.transcribed("Found the booking.", 10)
    assert confirmation.verdict(10) == "echo"


async def test_what_was_played_may_be_known_later() -> None:
    """
    The clear takes effect after it was sent, and what was played until then comes back as well.
    """
    path, late_ms = EchoPath(120.6), 140
    audio = (await spoken(AGENT, "agent"))[: (1_400 + late_ms) * 8]
    echo = audioop.lin2ulaw(path.echo(SILENCE * 8_000 + audio + SILENCE * 8_000), 2)
    start = 8_000 - path.reach_bytes
    line = Line.carrying(echo[start : start + 2_000 * 8], 1_400)
    confirmation = line.confirmation(SILENCE * 4_800 + audio[: -late_ms * 8])
    confirmation.correct_played(SILENCE * 4_800 + audio, late_ms)
    assert line.judge(confirmation)[0] == "echo"


async def test_who_speaks_over_an_echo_is_the_caller() -> None:
    """
    The agent's voice in the caller's frames does not hide the caller's.
    """
    audio, path = (await spoken(AGENT, "agent"))[: 1_400 * 8], EchoPath(120.6)
    words = audioop.ulaw2lin(await spoken("Sorry, one moment please."), 2)
    echo = path.echo(SILENCE * 8_000 + audio + SILENCE * 16_000)[2 * (8_000 - path.reach_bytes) :]
    both = audioop.add(echo, (bytes(16 * 1_200) + words).ljust(len(echo), b"\0")[: len(echo)], 2)
    line = Line.carrying(audioop.lin2ulaw(both, 2), 1_400)
    assert line.judge(line.confirmation(SILENCE * 4_800 + audio))[0] == "caller"


@pytest.mark.parametrize(
    "text",
    [
        "Uh-huh.",
        "Mm-hmm",
        "OK",
        "okay, okay",
        "Yeah, right.",
        "I see!",
        "Sí, claro.",
        "D’accord",
        "Ach so, ja.",
        "va bene",
        "",
        "…",
    ],
)
def test_words_that_ask_for_no_turn(text: str) -> None:
    """
    Alone or together, in any case and punctuation; nor does silence ask for one.
    """
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    [
        "No.",
        "Stop!",
        "Wait",
        "What?",
        "Okay, but",
        "yeah no",
        "right now",
        "Nein, danke",
        "Hello?",
        "um",
        "看",
        "seems ok",
    ],
)
def test_words_that_do(text: str) -> None:
    """
    Whatever is not known to be a nod is a word; the shortest are not the least.
    """
    assert not is_backchannel(text)


def test_a_long_row_of_nods_is_read_at_once() -> None:
    """
    The time it takes grows with the text, not faster.
    """
    assert not is_backchannel("ya claro certo okay " * 500 + "no")
