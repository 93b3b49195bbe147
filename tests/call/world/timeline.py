"""A call as people read it: what happened, what was done about it, and what became of every item."""

from collections.abc import Iterator

from gateway.call import Command, Event
from gateway.call.commands import NoteRoundTrip, PlayAudio
from gateway.protocol.events import AudioDelta, TranscriptDelta
from gateway.protocol.inputs import AppendAudio
from gateway.providers.events import CallerAudio
from tests.call.world import tape
from tests.call.world.fates import fates
from tests.call.world.world import Account

HAPPENED, DONE = "<", ">"


def timeline(account: Account) -> Iterator[str]:
    """The whole call, a line for each event and command but plain audio, after what kind of call it is."""
    yield f"seed {account.seed}"
    yield from (f"  {name} = {value}" for name, value in _conditions(account))
    happenings = [*_entries(account), *((at_ms, "  phone cleared") for at_ms in account.telephone.cleared_ms)]
    for at_ms, line in sorted(happenings, key=lambda happening: happening[0]):
        yield f"{at_ms:10.1f} ms  {line}"
    yield from (str(fate) for fate in fates(account).values())


def _conditions(account: Account) -> Iterator[tuple[str, object]]:
    return ((name, getattr(account.conditions, name)) for name in account.conditions.__dataclass_fields__)


def _entries(account: Account) -> Iterator[tuple[float, str]]:
    for entry in account.entries:
        if not isinstance(entry.cause, CallerAudio | TranscriptDelta):
            yield entry.at_ms, f"{HAPPENED} {_event(entry.cause)}"
        for command in entry.commands:
            if not isinstance(command, AppendAudio | NoteRoundTrip):
                yield entry.at_ms, f"{DONE} {_command(command)}"


def _event(event: Event | str) -> str:
    if isinstance(event, AudioDelta):
        return f"AudioDelta({event.item_id}, {_lasting(event.payload)})"
    return str(event)


def _command(command: Command) -> str:
    return f"PlayAudio({_lasting(command.payload)})" if isinstance(command, PlayAudio) else str(command)


def _lasting(payload: str) -> str:
    piece = tape.locate(payload)
    return f"{len(piece) / 8:.1f} ms from {piece.start / 8:.1f} ms of the tape"
