"""Who may come in: a token is good once, for one call, for a minute."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from gateway.bridge import Bridge
from gateway.calls import Calls, StreamRefused
from gateway.lines import Line
from gateway.providers.dialect import IncomingCall
from tests.e2e.exchange import configured

LINE = Line(line="front-desk", numbers=("*",))
CONFIGURATION = configured(LINE)
CALL = IncomingCall("CA1", "+15550100", "+15550199")
OTHER_CALL = IncomingCall("CA2", "anonymous", "+15550199")


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class LastingBridge(Bridge):
    """A call that lasts until it is told to hang up."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.began = asyncio.Event()
        self._hung_up = asyncio.Event()

    async def run(self) -> None:
        """Wait for the end."""
        self.began.set()
        await self._hung_up.wait()

    def hang_up(self, reason: str) -> None:
        """Let the call end."""
        self.reasons.append(reason)
        self._hung_up.set()


def expect(calls: Calls, call: IncomingCall) -> str:
    """The token of a call, on a line that has room for it."""
    token = calls.expect(call, LINE, CONFIGURATION)
    assert token is not None
    return token


def refusal(calls: Calls, token: str, call_sid: str) -> str:
    """Why a stream is turned away."""
    with pytest.raises(StreamRefused) as caught:
        calls.claim(token, call_sid)
    return caught.value.reason


def test_a_token_lets_its_call_in() -> None:
    """
    Who brings it gets the call and the line that the webhook was answered for.
    """
    calls = Calls()
    expected = calls.claim(expect(calls, CALL), "CA1")
    assert (expected.call, expected.line) == (CALL, LINE)


def test_a_token_is_good_once() -> None:
    """
    A second stream with the same token is turned away.
    """
    calls = Calls()
    token = expect(calls, CALL)
    calls.claim(token, "CA1")
    assert refusal(calls, token, "CA1") == "bad_token"


def test_a_token_is_bound_to_its_call() -> None:
    """
    One that leaks opens nothing else, and nothing at all after it was tried.
    """
    calls = Calls()
    token, other_token = expect(calls, CALL), expect(calls, OTHER_CALL)
    assert refusal(calls, token, "CA2") == "bad_token"
    assert refusal(calls, token, "CA1") == "bad_token"
    assert calls.claim(other_token, "CA2").call == OTHER_CALL


@pytest.mark.parametrize("token", ["", "t" * 32])
def test_a_token_that_was_never_given_is_refused(token: str) -> None:
    """
    It takes a webhook to be expected.
    """
    calls = Calls()
    expect(calls, CALL)
    assert refusal(calls, token, "CA1") == "bad_token"


def test_tokens_cannot_be_guessed() -> None:
    """
    No two are alike, each is long, and each fits into a stream parameter as it is.
    """
    calls = Calls()
    tokens = {expect(calls, CALL) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 32 and token.isascii() and token.isprintable() for token in tokens)


@pytest.mark.parametrize(("after_s", "good"), [(0.0, True), (59.9, True), (60.0, False), (3_600.0, False)])
def test_a_token_is_good_for_a_minute(after_s: float, good: bool) -> None:
    """
    A stream comes within seconds, or never.
    """
    clock = Clock()
    calls = Calls(clock_s=clock)
    token = expect(calls, CALL)
    clock.now_s += after_s
    if good:
        assert calls.claim(token, "CA1").call == CALL
    else:
        assert refusal(calls, token, "CA1") == "bad_token"


@pytest.fixture
def lasting() -> Iterator[LastingBridge]:
    """A call that ends with the test at the latest."""
    bridge = LastingBridge()
    yield bridge
    bridge.hang_up("the test is over")


async def test_a_call_has_one_stream(lasting: LastingBridge) -> None:
    """
    While a call is carried its second stream is turned away; afterwards a good token is good again.
    """
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        carried = tasks.create_task(calls.carry("CA1", lasting))
        await lasting.began.wait()
        assert len(calls) == 1
        assert refusal(calls, expect(calls, CALL), "CA1") == "duplicate"
        assert calls.claim(expect(calls, OTHER_CALL), "CA2").call == OTHER_CALL
        lasting.hang_up("done")
        await carried
    assert len(calls) == 0
    assert calls.claim(expect(calls, CALL), "CA1").call == CALL


async def test_draining_waits_for_the_calls_under_way(lasting: LastingBridge) -> None:
    """
    Nobody is cut off: a gateway that drains is done when the last caller is.
    """
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(calls.carry("CA1", lasting))
        await lasting.began.wait()
        drained = tasks.create_task(calls.drain())
        assert not (await asyncio.wait({drained}, timeout=0.05))[0]
        assert calls.draining
        assert not lasting.reasons
        lasting.hang_up("done")
        await drained
    assert len(calls) == 0


async def test_closing_ends_every_call_and_waits_for_it(lasting: LastingBridge) -> None:
    """
    A gateway that stops leaves no call behind, and takes no more.
    """
    calls = Calls()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(calls.carry("CA1", lasting))
        await lasting.began.wait()
        await calls.close()
    assert calls.draining
    assert len(calls) == 0
    assert lasting.reasons == ["gateway_stopped"]


@pytest.mark.parametrize("leave", [Calls.drain, Calls.close])
async def test_what_was_begun_is_waited_for(leave: Callable[[Calls], Awaitable[None]]) -> None:
    """
    A call that is on its way to be carried, or to be turned away, is not left where it is.
    """
    calls, may_end = Calls(), asyncio.Event()
    calls.begin(may_end.wait())
    leaving = asyncio.ensure_future(leave(calls))
    assert not (await asyncio.wait({leaving}, timeout=0.05))[0]
    may_end.set()
    async with asyncio.timeout(5):
        await leaving


@pytest.mark.parametrize("leave", [Calls.drain, Calls.close])
async def test_a_gateway_without_calls_leaves_at_once(leave: Callable[[Calls], Awaitable[None]]) -> None:
    """
    There is nobody to wait for.
    """
    calls = Calls()
    async with asyncio.timeout(1):
        await leave(calls)
    assert calls.draining
