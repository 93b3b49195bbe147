"""The words that the line gives the agent, as the server has them: which response spoke which."""

from gateway.call.plan import Segment
from gateway.protocol.events import ResponseDone
from tests.call.world.world import Account


def spoken(account: Account, *, must_hear: bool = False) -> dict[str, Segment]:
    """The words of the line that responses spoke, or those that must be heard, by response."""
    segments = {segment.id: segment for segment in account.conditions.plan.segments}
    found = {response: segments[name] for response, name in account.server.segments.items() if name in segments}
    return {response: segment for response, segment in found.items() if segment.must_hear or not must_hear}


def recitals(account: Account) -> dict[str, Segment]:
    """The words that must be heard, by the responses that spoke them without failing."""
    failed = {
        entry.cause.response_id
        for entry in account.entries
        if isinstance(entry.cause, ResponseDone) and entry.cause.status == "failed"
    }
    return {name: segment for name, segment in spoken(account, must_hear=True).items() if name not in failed}
