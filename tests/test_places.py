"""How many calls there may be: a place is kept from the webhook to the end of the call, and for one call once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls import Calls, Place, StreamRefused
from gateway.lines import Line
from gateway.providers.dialect import IncomingCall
from tests.e2e.exchange import configured
from tests.test_calls import Clock

SMALL = Line(line="small", numbers=("+15550199",), max_calls=1)
WIDE = Line(line="wide", numbers=("*",))
CONFIGURATION = configured(SMALL, WIDE)
NEXT = configured(SMALL, WIDE)


def incoming(name: str) -> IncomingCall:
    """A call that rings."""
    return IncomingCall(name, "+15550100", "+15550199")


def test_the_last_place_is_given_once() -> None:
    """
    A line that is full takes nobody, and others are not concerned.
    """
    calls = Calls()
    assert calls.expect(incoming("CA1"), SMALL, CONFIGURATION)
    assert calls.expect(incoming("CA2"), SMALL, CONFIGURATION) is None
    assert calls.expect(incoming("CA2"), WIDE, CONFIGURATION)


def test_all_lines_together_may_be_full() -> None:
    """
    Whichever line is called.
    """
    calls = Calls()
    calls.most = 2
    tokens = [calls.expect(incoming(f"CA{number}"), WIDE, CONFIGURATION) for number in range(3)]
    assert [token is not None for token in tokens] == [True, True, False]
    assert calls.expect(incoming("CA9"), SMALL, CONFIGURATION) is None


def test_a_stream_that_never_comes_gives_its_place_back() -> None:
    """
    When its token runs out, or when the provider says that the call is over.
    """
    clock = Clock()
    calls = Calls(clock_s=clock)
    calls.expect(incoming("CA1"), SMALL, CONFIGURATION)
    clock.now_s += 59.9
    assert calls.expect(incoming("CA2"), SMALL, CONFIGURATION) is None
    clock.now_s += 0.1
    assert calls.expect(incoming("CA2"), SMALL, CONFIGURATION)
    calls.give_up("CA2")
    assert calls.expect(incoming("CA3"), SMALL, CONFIGURATION)


def test_a_call_that_is_carried_has_its_place_until_it_ends() -> None:
    """
    However often it is told of, it takes one; and what its second webhook kept does not outlast the call's own.
    """
    calls = Calls()
    tokens = [calls.expect(incoming("CA1"), SMALL, CONFIGURATION) for _ in range(2)]
    place = calls.claim(tokens[0] or "", "CA1").place
    with place:
        assert calls.expect(incoming("CA2"), SMALL, CONFIGURATION) is None
    calls.give_up("CA1")
    assert calls.expect(incoming("CA2"), SMALL, CONFIGURATION)


def test_a_token_in_the_wrong_hands_keeps_no_place() -> None:
    """
    It is used up, and so is what it kept.
    """
    calls = Calls()
    token = calls.expect(incoming("CA1"), SMALL, CONFIGURATION)
    with pytest.raises(StreamRefused):
        calls.claim(token or "", "CA2")
    assert calls.expect(incoming("CA3"), SMALL, CONFIGURATION)


def test_a_call_that_is_there_already_is_not_turned_away() -> None:
    """
    Calls that a restart takes up are counted, and never refused.
    """
    calls = Calls()
    first, second = (calls.admit(name, SMALL, CONFIGURATION, even_if_full=True) for name in ("rtc_1", "rtc_2"))
    assert first
    assert second
    with first:
        pass
    assert calls.admit("rtc_3", SMALL, CONFIGURATION) is None
    with second:
        pass
    assert calls.admit("rtc_3", SMALL, CONFIGURATION)


def test_a_configuration_is_in_use_as_long_as_its_calls() -> None:
    """
    Whatever new calls begin with.
    """
    calls = Calls()
    place = calls.admit("CA1", WIDE, CONFIGURATION)
    calls.admit("CA2", WIDE, NEXT)
    assert calls.use(CONFIGURATION)
    assert place
    with place:
        assert place.configuration is CONFIGURATION
    assert (calls.use(CONFIGURATION), calls.use(NEXT)) == (False, True)


STEPS = st.lists(st.tuples(st.sampled_from(["come", "come", "leave"]), st.integers(0, 5)), max_size=40)


@given(steps=STEPS, most=st.integers(1, 4), on_line=st.integers(1, 4))
def test_there_are_never_more_calls_than_places(steps: list[tuple[str, int]], most: int, on_line: int) -> None:
    """
    A call is refused when, and only when, it is not there and there is no place for it.
    """
    calls, line = Calls(), Line(line="small", numbers=("*",), max_calls=on_line)
    calls.most = most
    there: dict[int, list[Place]] = {}
    for step, number in steps:
        if step == "leave":
            for place in there.pop(number, []):
                with place:
                    pass
            continue
        place_or_none = calls.admit(f"CA{number}", line, CONFIGURATION)
        assert (place_or_none is not None) == (number in there or len(there) < min(most, on_line))
        if place_or_none:
            there.setdefault(number, []).append(place_or_none)
