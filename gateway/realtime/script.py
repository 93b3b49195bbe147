"""
What a scripted agent does, turn by turn.

    [
        turn(says("Good morning.")),
        turn(calls("book_table", {"people": 4})),
        lambda asked: turn(says(f"I booked {asked.tool_outputs['call_1']}.")),
    ]

A turn is what one response produces, item by item; one that depends on what the agent is asked is a function of that.
Calls that have no id of their own are `call_1`, `call_2` and so on, through the whole script.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count
from typing import TypeAlias

from gateway.errors import UserError
from gateway.playback.speaking_time import units
from gateway.sim.realtime import Call, Fail, Output, Reply, Say, Turn

ScriptedTurn: TypeAlias = Reply | Callable[[Turn], Reply]

BYTES_PER_MS = 8
SILENCE = b"\xff"


class ScriptError(UserError, AssertionError):
    """A conversation and its script do not agree; a test that meets it has failed."""


def speaking_ms(text: str) -> int:
    """
    About how long *text* takes to say, in whole ms.

    >>> speaking_ms("Hi, you")
    585
    """
    return round(max((unit.end_ms for unit in units(text)), default=0.0))


def says(text: str, audio: bytes | None = None) -> Say:
    """
    The agent says *text*; it writes it where the session asks for text.

    *audio* is how it sounds, as mu-law at 8 kHz, of which the session's format is made; without it, it sounds like
    silence that lasts as long as the words would.

    >>> len(says("Hi, you").audio)
    4680
    """
    return Say(text, SILENCE * (BYTES_PER_MS * speaking_ms(text)) if audio is None else audio)


def calls(name: str, arguments: Mapping[str, object] | str = "{}", *, call_id: str | None = None) -> Call:
    """
    The agent wants a tool run; *arguments* that are a string are sent as they stand, JSON or not.

    >>> calls("book_table", {"people": 4}).name
    'book_table'
    """
    return Call(name, arguments, call_id)


def fails(message: str, *, code: str | None = None) -> Fail:
    """
    The response fails at this point.

    >>> fails("Out of quota.", code="insufficient_quota").code
    'insufficient_quota'
    """
    return Fail(code, message)


def turn(*parts: Output) -> Reply:
    """
    What the agent does in one turn; of nothing, it says nothing.

    >>> len(turn(says("One moment."), calls("book_table")))
    2
    """
    return parts


class Script:
    """The turns that are left."""

    def __init__(self, turns: Iterable[ScriptedTurn]) -> None:
        self._turns = list(turns)
        self._taken = 0
        self._call_numbers = count(1)

    @property
    def turns_left(self) -> int:
        """How many turns were not asked for yet."""
        return max(0, len(self._turns) - self._taken)

    def next(self, asked: Turn) -> Reply:
        """
        What the agent does now.

        Raises `ScriptError` when there is no turn left.
        """
        self._taken += 1
        if self._taken > len(self._turns):
            raise ScriptError(f"the agent is asked for turn {self._taken}, and its script has {len(self._turns)}")
        found = self._turns[self._taken - 1]
        return tuple(map(self._named, found(asked) if callable(found) else found))

    def _named(self, part: Output) -> Output:
        if not isinstance(part, Call) or part.call_id:
            return part
        return replace(part, call_id=f"call_{next(self._call_numbers)}")
