"""Everything that the handlers of one running gateway share."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from gateway.agent import AgentProfile
from gateway.agents import Approvals, CallContext, Configuration
from gateway.agents.own_tools import own_tools
from gateway.call import CallPlan, Event
from gateway.call.events import BudgetSpent
from gateway.call.sip_call import TERMS, SipTerms
from gateway.calls import Calls
from gateway.conversation import Conversations
from gateway.costs import Budget, CallCost
from gateway.errors import ConfigError
from gateway.lines import Line, Lines
from gateway.metrics import Metrics
from gateway.providers.openai_calls import OpenAICalls
from gateway.providers.openai_webhook import Seen
from gateway.providers.twilio_rest import TwilioApi
from gateway.realtime.hands import AgentHands
from gateway.realtime.run_context import RunContextWrapper
from gateway.sessions.rest import RestClient
from gateway.sessions.sip import SipLine
from gateway.settings import Settings
from gateway.sip_registry import SipRegistry
from gateway.tools.http_client import HttpClient
from gateway.tools.messages import Messages
from gateway.web.tokens import CallTokens

logger = logging.getLogger(__name__)

AGENT_WITHIN_S = 3.0
"""An agent whose instructions are code may take so long to say what they are."""


@dataclass(slots=True)
class Gateway:
    """One gateway: what it is configured with and what it has under way."""

    settings: Settings
    configuration: Configuration
    """What new calls begin with; exchanged as a whole."""
    config_refused: str = ""
    """Why what is in the files now cannot be used; empty when it is."""
    services: HttpClient = field(default_factory=HttpClient)
    """Asks the services that tools are about."""
    local_url: str | None = None
    """Where the built-in realtime server listens; None when no line needs it."""
    metrics: Metrics = field(default_factory=Metrics)
    calls: Calls = field(default_factory=Calls)
    conversations: Conversations = field(default_factory=Conversations)
    rest: RestClient = field(default_factory=RestClient)
    """Asks the REST sides of all providers."""
    passed_on: CallTokens = field(default_factory=CallTokens)
    """For whoever tells what came of a transfer."""
    returning: CallTokens = field(default_factory=CallTokens)
    """For the streams of calls that come back."""
    registry: SipRegistry = field(init=False)
    """Which calls that came by SIP are under way."""
    messages: Messages = field(init=False)
    """What callers have left."""
    seen: Seen = field(default_factory=Seen)
    """Which calls that come by SIP were told of before."""
    sip_terms: SipTerms = TERMS
    """How long calls that come by SIP are waited for; a line says how long they may last."""

    def __post_init__(self) -> None:
        self.registry = SipRegistry(self.settings.state)
        self.messages = Messages(self.settings.state)
        self.calls.most = self.settings.max_calls
        self.metrics.configured(self.configuration.sha)

    @property
    def lines(self) -> Lines:
        """Who answers which number, as of now."""
        return self.configuration.lines

    @property
    def twilio(self) -> TwilioApi | None:
        """Twilio's REST side; None without the secret that opens it."""
        return TwilioApi(self.settings.twilio_api_url, self.auth_token) if self.auth_token else None

    @property
    def auth_token(self) -> str | None:
        """The secret that Twilio signs with; None leaves requests unchecked, on loopback only."""
        token = self.settings.twilio_auth_token
        return token.get_secret_value() if token else None

    @property
    def openai_calls(self) -> OpenAICalls | None:
        """OpenAI's REST side; None without the key that opens it."""
        key = self.settings.openai_api_key
        return OpenAICalls(self.settings.openai_api_url, key.get_secret_value()) if key else None

    def sip_line(self, call_id: str, line: Line | None = None) -> SipLine:
        """The way to a call that came by SIP; raises `ConfigError` without a key."""
        calls = self.openai_calls
        if calls is None:
            raise ConfigError("a call that came by SIP needs OPENAI_API_KEY, which is not set")
        model, url = (line.model, line.url) if line else ("", None)
        headers = {"Authorization": f"Bearer {calls.api_key}"}
        return SipLine(call_id, calls, self.rest, model, url or self.settings.realtime_url, headers)

    def hands(
        self, line: Line, call: CallContext, report: Callable[[Event], None], configuration: Configuration
    ) -> AgentHands:
        """What carries out what the agent of *line* wants in a call, and reports what comes of it."""
        return AgentHands(
            configuration.agent_of(line),
            report=report,
            context=RunContextWrapper(call),
            observer=Approvals(report),
            tools=tuple(own_tools(line, call, self.messages, report)),
            output_guardrails=configuration.casts[line.line].guardrails,
            tool_timeout_s=TOOL_WITHIN_S,
        )

    def cost(
        self, line: Line, wanted: CallPlan, configuration: Configuration, dispatch: Callable[[Event], None]
    ) -> CallCost:
        """
        What adds up the cost of a call, and tells the call by *dispatch* when that is as much as it may be.

        The built-in server counts tokens, and nobody pays for them.
        """
        loop = asyncio.get_running_loop()
        return CallCost(
            configuration.prices if line.backend == "openai" else None,
            model=line.model,
            transcription_model=wanted.session.transcription_model,
            spent=self.metrics.spent,
            budget=Budget(line.max_cost, lambda: loop.call_soon(dispatch, BudgetSpent())) if line.max_cost else None,
        )

    def realtime_url(self, line: Line) -> str:
        """Where the sessions of *line* are opened."""
        if line.backend == "local" and line.url is None and self.local_url is not None:
            return self.local_url
        return line.url or self.settings.realtime_url

    def realtime_headers(self, line: Line) -> dict[str, str]:
        """What is sent along when a session of *line* is opened."""
        key = self.settings.openai_api_key
        return {"Authorization": f"Bearer {key.get_secret_value()}"} if key and line.backend == "openai" else {}


TOOL_WITHIN_S = 30.0
"""For tools that say nothing of how long they may take."""

GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)


async def introduced(hands: AgentHands) -> AgentProfile | None:
    """Who answers; None when its instructions, which may be code of others, cannot be had."""
    try:
        async with asyncio.timeout(AGENT_WITHIN_S):
            return await hands.profile()
    except Exception:
        logger.exception("the agent cannot say what its instructions and tools are; it cannot answer")
        return None


def json_response(body: object, *, status: int = 200) -> web.Response:
    """A small JSON answer."""
    return web.Response(text=json.dumps(body) + "\n", status=status, content_type="application/json")
