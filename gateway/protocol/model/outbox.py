"""
Messages on their way out, in the server's dialect.

Every message that can be refused carries an `event_id`, the only thing that an `error` quotes; the last few are kept,
so that a refusal can be told together with what it refuses.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from gateway.errors import UserError
from gateway.protocol.model.beta import to_beta

Json = dict[str, Any]
Dialect = Literal["ga", "beta"]

_REFUSABLE_KEPT = 64
_IDENTIFIED = {"session.update", "conversation.item.truncate", "response.create", "response.cancel"}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text to the server."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell whoever runs this of something that works as it is, and could be better."""

    message: str


class Outbox:
    """Writes messages, and remembers what may be refused."""

    def __init__(self, dialect: Dialect | None) -> None:
        self.dialect = dialect
        """None until the server's is found out."""
        self._sent = 0
        self._refusable: OrderedDict[str, Json] = OrderedDict()

    def write(self, message: Json) -> Iterator[Send | Warn]:
        """Send a message of ours; it is given in GA's words."""
        if message["type"] in _IDENTIFIED:
            message = {**message, "event_id": self._next_id()}
            self._keep(message)
        if self.dialect == "beta" and message["type"] == "session.update":
            session, unknown = to_beta(message["session"])
            message = {**message, "session": session}
            if unknown:
                yield Warn(f"the server speaks the beta's dialect, which has no {', '.join(unknown)}; left out")
        yield from self.write_raw(message)

    def write_raw(self, message: Json) -> Iterator[Send]:
        """Send a message as it stands."""
        try:
            yield Send(_encode(message))
        except (TypeError, ValueError) as error:
            raise UserError(f"{message['type']} cannot be written as JSON: {error}") from error

    def refused(self, event_id: str | None) -> Json | None:
        """What a refusal refuses, once."""
        return self._refusable.pop(event_id, None) if event_id else None

    def _next_id(self) -> str:
        self._sent += 1
        return f"gw_{self._sent}"

    def _keep(self, message: Json) -> None:
        self._refusable[message["event_id"]] = message
        if len(self._refusable) > _REFUSABLE_KEPT:
            self._refusable.popitem(last=False)
