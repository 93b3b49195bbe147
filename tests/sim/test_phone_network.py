"""Laws of the delay line."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.sim.network import Network, Schedule, Wire


@given(st.floats(0, 200), st.floats(0, 200), st.integers(), st.lists(st.floats(0, 0.1), min_size=1, max_size=50))
def test_messages_are_late_within_bounds_and_in_order(
    delay_ms: float, jitter_ms: float, seed: int, gaps_s: list[float]
) -> None:
    """
    Each arrives after its own delay, unless held up by the one before; none ever overtakes.
    """
    schedule, sent_s, last_s = Schedule(Network(delay_ms, jitter_ms), seed), 0.0, 0.0
    for gap_s in gaps_s:
        sent_s += gap_s
        arrived_s = schedule.arrival_s(sent_s)
        earliest_s, latest_s = sent_s + max(0, delay_ms - jitter_ms) / 1000, sent_s + (delay_ms + jitter_ms) / 1000
        assert max(last_s, earliest_s) - 1e-9 <= arrived_s <= max(last_s, latest_s) + 1e-9
        last_s = arrived_s


def test_the_same_seed_draws_the_same_delays() -> None:
    """
    A run can be repeated: delays depend on the seed alone.
    """

    def delays(seed: int) -> list[float]:
        schedule = Schedule(Network(80, 30), seed)
        return [schedule.arrival_s(second) for second in range(20)]

    assert delays(1) == delays(1) != delays(2)


async def test_a_wire_delivers_late_and_in_order() -> None:
    """
    Items come out as they went in, none earlier than the network allows.
    """
    loop, arrived, done = asyncio.get_running_loop(), list[tuple[float, int]](), asyncio.Event()

    def deliver(item: int) -> None:
        arrived.append((loop.time(), item))
        if item == 19:
            done.set()

    wire = Wire(Network(30, 10), deliver, seed=7)
    sent_s = loop.time()
    for item in range(20):
        wire.send(item)
    assert not arrived
    async with asyncio.timeout(2):
        await done.wait()
    assert [item for _, item in arrived] == list(range(20))
    assert arrived[0][0] - sent_s >= 0.02 - 1e-3


async def test_without_delay_delivery_is_immediate() -> None:
    """
    On a network that is not late, an item has arrived when `send` returns.
    """
    arrived: list[str] = []
    Wire(Network(), arrived.append).send("now")
    assert arrived == ["now"]


async def test_a_wire_may_be_sent_on_from_within_a_delivery() -> None:
    """
    What is sent while something is delivered arrives too, after it.
    """
    arrived, done = list[int](), asyncio.Event()

    def deliver(item: int) -> None:
        arrived.append(item)
        wire.send(item + 1) if item < 3 else done.set()

    wire: Wire[int] = Wire(Network(2), deliver)
    wire.send(0)
    async with asyncio.timeout(2):
        await done.wait()
    assert arrived == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "network"), [("80/30", Network(80, 30)), ("80", Network(80)), (" 0.5/0 ", Network(0.5))]
)
def test_a_network_is_read_from_text(text: str, network: Network) -> None:
    """
    `DELAY` or `DELAY/JITTER`, in milliseconds.
    """
    assert Network.parse(text) == network


@pytest.mark.parametrize("text", ["", "fast", "80/", "-5", "80/30/10"])
def test_a_network_that_cannot_be_read_is_quoted(text: str) -> None:
    """
    Whoever mistypes it sees what was found, and what was expected.
    """
    with pytest.raises(ConfigError, match="expected DELAY or DELAY/JITTER"):
        Network.parse(text)
