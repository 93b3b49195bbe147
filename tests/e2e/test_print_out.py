"""What a simulated call shows to whoever placed it."""

import asyncio
import io
import re
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.caller import Caller
from gateway.cli.live_ledger import LiveLedger
from gateway.cli.screen import Screen
from gateway.cli.table import table
from gateway.sim.realtime import Call
from tests.e2e.exchange import Exchange, exchange, saying, sound

COLUMNS = 100


class Terminal(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        return True

    @property
    def drawings(self) -> list[str]:
        """Everything that was at some time in the line that the cursor is in."""
        return [drawing for line in self.getvalue().split("\n") for drawing in line.split("\r\x1b[K")]

    @property
    def lines(self) -> list[str]:
        """What is to be seen by now: the last line is the one that the cursor is in."""
        return [line.rpartition("\r\x1b[K")[2] for line in self.getvalue().split("\n")]


WORDS = st.text("abc…“ ", min_size=1, max_size=40).map(str.strip).filter(bool)


@given(st.lists(st.tuples(st.booleans(), WORDS)))
def test_what_stays_is_above_what_is_drawn(deeds: list[tuple[bool, str]]) -> None:
    """
    Whatever is printed and drawn in turn, all that was printed is to be seen in order, and below it the last drawing.
    """
    terminal = Terminal()
    screen = Screen(terminal, COLUMNS)
    for stays, text in deeds:
        (screen.print if stays else screen.draw)(text)
    printed = [text for stays, text in deeds if stays]
    drawn = [text for stays, text in deeds if not stays][-1:] or [""]
    assert [re.sub(" +", " ", line) for line in terminal.lines] == [re.sub(" +", " ", line) for line in printed + drawn]


@given(st.text("ab ", max_size=300), st.integers(0, 20))
def test_nothing_is_wider_than_the_terminal(text: str, indent: int) -> None:
    """
    Long lines go on below, from the indent on; a drawing, which cannot go on, is shortened and leaves the cursor room.
    """
    terminal = Terminal()
    screen = Screen(terminal, 40)
    screen.print(text, indent=indent)
    assert max(map(len, terminal.lines)) <= 41
    assert all(line.startswith(" " * indent) for line in terminal.lines[1:-1])
    screen.draw("x" + text)
    assert len(terminal.lines[-1]) <= 39


def test_what_is_drawn_vanishes_in_the_end() -> None:
    """
    When the screen is left, what was printed is all that is to be seen, and the cursor is below it.
    """
    terminal = Terminal()
    with Screen(terminal, COLUMNS) as screen:
        screen.print("stays")
        screen.draw("goes")
    assert terminal.lines == ["stays", ""]


def account(item_id: str, heard_ms: int, state: str = "open", text: str = "") -> dict[str, object]:
    """An item as the feed has it, of 2 s."""
    figures = {"generated_ms": 2_000, "sent_ms": 2_000, "heard_ms": heard_ms, "discarded_ms": 0}
    return {"item_id": item_id, "state": state, **figures, "heard_text": text}


def ledger_on(out: io.StringIO, steps: Iterable[tuple[int, dict[str, object]]]) -> None:
    """Follow a call's items on some output."""
    ledger = LiveLedger(Screen(out, COLUMNS), lambda text: f"ledger {text}")
    for at_ms, item in steps:
        ledger.changed([item], at_ms)


def test_elsewhere_the_ledger_is_told_every_second() -> None:
    """
    Where nothing can be drawn, an item has a line once it is heard, then one a second, and one when its state changes.
    """
    out = io.StringIO()
    steps = [(at_ms, account("item_first", at_ms)) for at_ms in range(0, 2_000, 200)]
    ledger_on(out, [*steps, (2_000, account("item_first", 2_000, "heard_whole")), (2_200, account("item_other", 0))])
    heard = re.findall(r"^ledger …first .* heard +([0-9,]+) ms(.*)$", out.getvalue(), re.MULTILINE)
    assert heard == [("200", ""), ("1,200", ""), ("2,000", "  heard whole")]
    assert len(out.getvalue().splitlines()) == 3


def test_on_a_terminal_the_ledger_is_drawn_in_place() -> None:
    """
    What is heard just now takes one line, with as many of the last words as there is room for; what is settled stays.
    """
    terminal = Terminal()
    words = "We still have two rooms for Friday night, and one looks out on the garden, and one on the harbour."
    ledger_on(
        terminal,
        [
            (0, account("item_first", 300)),
            (200, account("item_other", 0)),
            (400, account("item_first", 500, text=words)),
        ],
    )
    (drawn,) = terminal.lines
    assert re.fullmatch(
        r"ledger …first  generated  2,000  sent  2,000  heard    500 ms  \+1 queued  ….* harbour\.", drawn
    )
    assert all(len(drawing) < COLUMNS for drawing in terminal.drawings)
    ledger_on(terminal, [(600, account("item_first", 700)), (800, account("item_first", 800, "cut"))])
    assert terminal.lines[-2].endswith("heard    800 ms  cut")
    assert terminal.lines[-1] == ""


def test_words_in_a_table_are_wrapped() -> None:
    """
    Figures are flush right, words flush left, and the last column goes on below itself within the width.
    """
    words = "one two three four five six seven eight nine ten"
    lines = table(("item", "ms", "words"), [("a", "1", words), ("b", "1,000", "-")], 40).split("\n")
    assert lines[0] == "item     ms  words"
    assert lines[1].startswith("a         1  one two")
    assert lines[-1] == "b     1,000  -"
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines[1:-1]).split()).removeprefix("a 1 ") == words


async def printed(ex: Exchange, out: io.StringIO) -> str:
    """All that is shown of a call whose caller only listens."""
    caller = Caller(ex.address, (), screen=Screen(out, COLUMNS))
    async with ex.phone(on_event=caller.noticed) as phone:
        await caller.talk(phone)
    caller.print_accounts()
    return out.getvalue()


async def test_a_call_is_shown_as_it_goes_on() -> None:
    """
    Both on a terminal and elsewhere one sees who spoke, the ledger while it grows, and the account of each item.
    """
    async with exchange(saying((sound(1_300),)), greeting="Hello.") as ex:
        plain, drawn = await asyncio.gather(printed(ex, io.StringIO()), printed(ex, terminal := Terminal()))
    assert "\r" not in plain
    assert len(re.findall(r"s  ledger   …\w{5}  generated", plain)) in {2, 3}
    assert drawn.count("\r\x1b[K") >= 5
    for text in (plain, "\n".join(terminal.lines)):
        assert re.search(r"agent    “Good morning.”  \(item …\w{5}\)\n", text)
        assert re.search(r"ledger .* heard +1,300 ms  heard whole\n", text)
        assert re.search(r"\n…\w{5} +1,300 +1,300 +1,300 +0  heard whole  Good morning.\n", text)


async def test_what_becomes_of_must_hear_and_of_the_call_is_shown() -> None:
    """
    A receipt and the agent's hanging up have their lines.
    """
    must_hear = [{"id": "terms", "text": "This call is recorded."}]
    behaviour = saying((sound(300),), (sound(200), Call("hang_up")))
    async with exchange(behaviour, greeting="Hello.", must_hear=must_hear, goodbye={"wait_s": 5}) as ex:
        shown = await printed(ex, io.StringIO())
    assert re.search(r"gateway  receipt: “terms” was heard from [0-9,]+ to [0-9,]+ ms", shown)
    assert re.search(r"gateway  the agent hangs up\n", shown)
