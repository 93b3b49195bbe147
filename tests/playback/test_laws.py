"""The ledger against a perfect telephone: laws from both sides, and mistakes that they catch."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count, islice

import pytest

from gateway.playback import PlaybackLedger
from gateway.playback.closing import FLUSH_WAIT_MS
from tests.playback.mutants import mutant
from tests.playback.rehearsal import Conditions, Rehearsal
from tests.playback.telephone import FRAME_MS, Net

SEEDS = range(120)
EVEN = (
    Conditions(),
    Conditions(Net(80)),
    Conditions(Net(80), stall_ms=2_500),
    Conditions(Net(35), items=1),
    Conditions(Net(80), stamped=False),
)
UNEVEN = Conditions(Net(80, 30), items=2)


def breach(seed: int, conditions: Conditions, ledger: type[PlaybackLedger] = PlaybackLedger) -> str:
    """The first law that a call breaks, or nothing."""
    rehearsal = Rehearsal(seed, conditions, ledger())
    for item_id, fate in rehearsal.run().items():
        where = f"seed {seed}, {conditions}, {item_id}: {fate}"
        if len(fate.cuts_ms) > 1:
            return f"cut twice: {where}"
        if not fate.cuts_ms and fate.cut_off and fate.heard_ms < fate.generated_ms:
            return f"left whole: {where}"
        for cut_ms in fate.cuts_ms:
            if fate.heard_ms >= fate.generated_ms:
                return f"heard whole, and cut: {where}"
            if cut_ms > fate.heard_ms:
                return f"ahead of what was heard: {where}"
            if cut_ms <= fate.heard_ms - 1:
                return f"behind by a millisecond or more: {where}"
    patience_ms = 2 * conditions.net.delay_ms + FRAME_MS if conditions.echo_flushed else FLUSH_WAIT_MS
    late = [barge_in for barge_in in rehearsal.barge_ins if barge_in.waited_ms > patience_ms + FRAME_MS]
    return f"settled late: seed {seed}, {late}" if late else ""


@pytest.mark.parametrize("conditions", EVEN, ids=str)
def test_on_an_even_network_the_cut_is_the_millisecond_that_was_heard(conditions: Conditions) -> None:
    """
    With any delay that does not change, the cut is what was heard, rounded down: never ahead, behind by less than 1 ms.

    Every item that was cut off is cut once, a round trip and a frame after the clear; every item that was heard whole
    is left alone.
    """
    assert not list(filter(None, (breach(seed, conditions) for seed in SEEDS)))


@pytest.mark.parametrize("conditions", EVEN[:2], ids=str)
def test_without_flushed_echoes_an_even_network_still_tells_the_millisecond(conditions: Conditions) -> None:
    """A provider that drops flushed marks costs patience, not precision, as long as the delay does not change."""
    silent = Conditions(conditions.net, echo_flushed=False)
    assert not list(filter(None, (breach(seed, silent) for seed in SEEDS)))


@pytest.mark.parametrize(
    ("conditions", "half_ms", "most_ms"),
    [
        pytest.param(UNEVEN, 10, 25, id="by the provider's stamps"),
        pytest.param(replace(UNEVEN, stamped=False), 18, 60, id="by arrival"),
        pytest.param(replace(UNEVEN, echo_flushed=False), 18, 60, id="without flushed echoes"),
    ],
)
def test_on_an_uneven_network_errors_stay_small(conditions: Conditions, half_ms: int, most_ms: int) -> None:
    """
    At 80 ± 30 ms each way half of the cuts are within 10 ms of what was heard, 95 in 100 within 25 ms.

    A provider that does not stamp the caller's frames, or drops flushed marks, leaves the jitter of one message in it.
    """
    errors_ms = sorted(
        abs(cut_ms - fate.heard_ms)
        for seed in SEEDS
        for fate in Rehearsal(seed, conditions, PlaybackLedger()).run().values()
        for cut_ms in fate.cuts_ms
        if fate.heard_ms
    )
    assert len(errors_ms) > 200
    assert errors_ms[len(errors_ms) // 2] <= half_ms
    assert errors_ms[int(len(errors_ms) * 0.95)] <= most_ms


@pytest.mark.parametrize(
    "mistakes",
    [
        pytest.param({'return f"e{epoch}.{ordinal}"': 'return "e0.1"'}, id="a constant mark name"),
        pytest.param({"if early_ms <= precision.slack_ms:": "if True:"}, id="counting flushed marks"),
        pytest.param(
            {
                "begins_ms = max(ended_ms, span.sent_ms + self.transit.usual_ms)": "begins_ms = ended_ms",
                "late = late or self._may_have_found_the_queue_dry(span, slack_ms)": "late = False",
            },
            id="ignoring a dry queue",
        ),
        pytest.param(
            {
                "return tuple(found for key in cut if (found := self._accounts.cut(key)))": (
                    "return tuple(found for key in list(cut)[:1] if (found := self._accounts.cut(key)))"
                )
            },
            id="forgetting the second item",
        ),
        pytest.param(
            {"return duration_ms(self.heard_bytes)": "return duration_ms(self.sent_bytes)"}, id="sent for heard"
        ),
        pytest.param({"self._playout.epoch + 1": "self._playout.epoch"}, id="an epoch that does not change"),
    ],
)
def test_the_laws_catch_a_planted_mistake(mistakes: Mapping[str, str]) -> None:
    """Each mistake breaks a law, or the ledger, within a few calls."""
    ledger = mutant(mistakes)
    assert any(_breaks(seed, ledger) for seed in islice(count(), 200))


def _breaks(seed: int, ledger: type[PlaybackLedger]) -> bool:
    try:
        return bool(breach(seed, EVEN[seed % 3], ledger))
    except (LookupError, IndexError):
        return True


def test_the_source_without_a_mistake_keeps_the_laws() -> None:
    """What catches the mistakes is the mistakes, not the way in which they are planted."""
    ledger = mutant({})
    assert not any(_breaks(seed, ledger) for seed in range(30))
