"""Everything that the handlers of one running gateway share."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from gateway.call import CallPlan
from gateway.call.farewell import HANG_UP_TOOL
from gateway.call.plan import GREETING, Goodbye, Segment
from gateway.calls import Calls
from gateway.conversation import Conversations
from gateway.lines import Line, Lines
from gateway.metrics import Metrics
from gateway.protocol.session import SessionConfig
from gateway.providers.twilio_rest import TwilioApi
from gateway.sessions.rest import RestClient
from gateway.settings import Settings


@dataclass(slots=True)
class Gateway:
    """One gateway: what it is configured with and what it has under way."""

    settings: Settings
    lines: Lines
    local_url: str | None = None
    """Where the built-in realtime server listens; None when no line needs it."""
    metrics: Metrics = field(default_factory=Metrics)
    calls: Calls = field(default_factory=Calls)
    conversations: Conversations = field(default_factory=Conversations)
    rest: RestClient = field(default_factory=RestClient)
    """Asks the REST sides of all providers."""

    @property
    def twilio(self) -> TwilioApi | None:
        """Twilio's REST side; None without the secret that opens it."""
        return TwilioApi(self.settings.twilio_api_url, self.auth_token) if self.auth_token else None

    @property
    def auth_token(self) -> str | None:
        """The secret that Twilio signs with; None leaves requests unchecked, on loopback only."""
        token = self.settings.twilio_auth_token
        return token.get_secret_value() if token else None

    def realtime_url(self, line: Line) -> str:
        """Where the sessions of *line* are opened."""
        if line.backend == "local" and line.url is None and self.local_url is not None:
            return self.local_url
        return line.url or self.settings.realtime_url

    def realtime_headers(self, line: Line) -> dict[str, str]:
        """What is sent along when a session of *line* is opened."""
        key = self.settings.openai_api_key
        return {"Authorization": f"Bearer {key.get_secret_value()}"} if key and line.backend == "openai" else {}


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)


def plan(line: Line) -> CallPlan:
    """What a line wants of a call."""
    turn_detection = line.turn_detection.model_dump(exclude_none=True)
    if line.takes_over_turns:
        turn_detection |= {"create_response": False, "interrupt_response": False}
    tools = (HANG_UP_TOOL,) if line.goodbye else ()
    return CallPlan(
        SessionConfig(line.instructions, line.voice, turn_detection, tools=tools),
        tuple(_opening(line)),
        line.barge_in,
        line.self_echo_guard,
        Goodbye(line.goodbye.text, line.goodbye.wait_s * 1000) if line.goodbye else None,
        line.takes_over_turns,
    )


def _opening(line: Line) -> Iterator[Segment]:
    """What the agent says first; a greeting that cannot be cut has to be heard like the segments that say so."""
    if line.greeting:
        mode = line.greeting.mode(line.barge_in)
        yield Segment(GREETING, line.greeting.text, mode, must_hear=mode == "off")
    for segment in line.must_hear:
        yield Segment(segment.id, segment.text, segment.barge_in, must_hear=True)


def json_response(body: object, *, status: int = 200) -> web.Response:
    """A small JSON answer."""
    return web.Response(text=json.dumps(body) + "\n", status=status, content_type="application/json")
