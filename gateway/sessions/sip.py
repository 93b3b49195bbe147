"""
The way to a call that comes by SIP: requests to the service that has it, and the WebSocket by which it is followed.

A caller may leave at any time, so each request answers whether there was still a call that it could be about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.protocol.session import SessionConfig, session_url
from gateway.providers.openai_calls import CallRequest, OpenAICalls
from gateway.providers.rest import Done
from gateway.sessions.model import open_model
from gateway.sessions.rest import RestClient
from gateway.sessions.socket import TextSocket

DECIDE_WITHIN_S = 3.0
"""While it rings the caller waits, and so does the service."""
END_WITHIN_S = 3.0
"""A gateway that stops does not wait longer for its calls to end."""
TRANSFER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class SipLine:
    """One call's way to the service."""

    call_id: str
    calls: OpenAICalls
    rest: RestClient
    model: str
    realtime_url: str
    headers: Mapping[str, str] = field(repr=False)

    async def accept(self, session: SessionConfig | None) -> bool:
        """Take the call, with a whole session or with nothing but its model; raises `PeerError` when that fails."""
        named = {"type": "realtime", "model": self.model}
        wanted = {**session.to_wire(), **named} if session else named
        return await self._settle(self.calls.accept(self.call_id, wanted), DECIDE_WITHIN_S)

    async def reject(self, status_code: int) -> bool:
        """Turn the call away; raises `PeerError` when that fails."""
        return await self._settle(self.calls.reject(self.call_id, status_code), DECIDE_WITHIN_S)

    async def refer(self, target_uri: str) -> bool:
        """Pass the call on, if that should succeed; raises `PeerError` when it is refused."""
        return await self._settle(self.calls.refer(self.call_id, target_uri), TRANSFER_WITHIN_S)

    async def hang_up(self) -> bool:
        """End the call; raises `PeerError` when that fails."""
        return await self._settle(self.calls.hang_up(self.call_id), END_WITHIN_S)

    async def attach(self) -> TextSocket:
        """Follow the call's session; raises `ModelRefused` when there is none, `PeerError` when that fails."""
        return await open_model(session_url(self.realtime_url, call_id=self.call_id), self.headers)

    async def _settle(self, request: CallRequest, within_s: float) -> bool:
        return isinstance(await self.rest.settle(request, within_s=within_s), Done)
