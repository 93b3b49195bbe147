"""
OpenAI's calls API: what can be asked about a call that came by SIP.

A success is an empty answer. A call that is over, or never was, is not found; what nobody expects in a body is refused.
What the service does with a second accept, with a reject that comes too late, or with a refer or a hangup while it
rings is not documented; here they are refused as well.

https://platform.openai.com/docs/api-reference/realtime-calls
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from gateway.sim.realtime import RealtimeServer
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.shapes import Number, Record, RefusalError, Text, missing
from gateway.sim.realtime.turn import Json
from gateway.sim.sip_call import SipCall, SipEnding

DECLINED = 603
PCMU: Json = {"type": "audio/pcmu"}
REJECT = Record({"status_code": Number(400, 699, whole=True)})
REFER = Record({"target_uri": Text()}, ("target_uri",))


@dataclass(frozen=True, slots=True, kw_only=True)
class SipFaults:
    """How the API departs from what it should do; by default it does not."""

    refusals: tuple[HTTPStatus, ...] = ()
    """What the next requests are answered with, such as 429 or 503, before one is looked at."""
    delay_ms: float = 0
    """How long every request waits before it is looked at."""
    lost_answers: int = 0
    """So many requests are carried out, and the connection is cut where the answer should come."""
    accepts_anything: bool = False
    """Answer every accept with success; a session that is not valid ends the call."""
    ghosts: bool = False
    """Accept a call whose caller gave up, as if somebody were there."""
    deaf_to_refer: bool = False
    """Answer a refer with success, and do nothing."""
    refer_ms: float = 0
    """From a refer to the moment at which the call has left."""
    live_twin: bool = False
    """Tell of every call by a `live.call.incoming` as well."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    call_id: str
    verb: str
    body: bytes


class CallsApi:
    """The API for the calls of one project."""

    def __init__(self, server: RealtimeServer, api_key: str, faults: SipFaults) -> None:
        self.requests: list[Asked] = []
        """Every request about a call that came, in order."""
        self.calls: dict[str, SipCall] = {}
        """Every call there ever was, by its id."""
        self._server = server
        self._credentials = f"Bearer {api_key}"
        self._faults = faults
        self._refusals = list(faults.refusals)
        self._answers_to_lose = faults.lost_answers
        self._verbs: dict[str, Callable[[SipCall, Json], None]] = {
            "accept": self._accept,
            "reject": self._reject,
            "refer": self._refer,
            "hangup": self._hang_up,
        }

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._gatekeeper])
        app.router.add_post("/v1/realtime/calls/{call_id}/{verb}", self._ask)
        app.router.add_route("*", "/{path:.*}", _nothing)
        return app

    @web.middleware
    async def _gatekeeper(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Every request is late; some are refused, whatever they ask for, and some are never answered."""
        await asyncio.sleep(self._faults.delay_ms / 1000)
        if self._refusals:
            status = self._refusals.pop(0)
            return _error(status, None, status.phrase, kind="server_error")
        if request.headers.get("Authorization") != self._credentials:
            return _error(HTTPStatus.UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided.")
        answer = await handler(request)
        if self._answers_to_lose and request.transport is not None:
            self._answers_to_lose -= 1
            request.transport.abort()
        return answer

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        call_id, verb, body = request.match_info["call_id"], request.match_info["verb"], await request.read()
        if verb not in self._verbs:
            return await _nothing(request)
        self.requests.append(Asked(call_id, verb, body))
        call = self.calls.get(call_id)
        if call is None or not (call.ending is None or (self._faults.ghosts and call.is_ghost)):
            return _error(HTTPStatus.NOT_FOUND, "call_id_not_found", "No session found for this call_id.")
        try:
            self._verbs[verb](call, _object(body, request.content_type))
        except RefusalError as refusal:
            return _error(HTTPStatus.BAD_REQUEST, refusal.code, refusal.message, param=refusal.param)
        return web.Response()

    def _accept(self, call: SipCall, session: Json) -> None:
        if call.session is not None:
            raise RefusalError("invalid_value", "The call was accepted before.", param="call_id")
        try:
            _check_session(session)
        except RefusalError:
            if not self._faults.accepts_anything:
                raise
            call.end(SipEnding.FAILED)
        else:
            call.accept(session, self._server.add_call(call.call_id, _negotiated(session)))

    def _reject(self, call: SipCall, wanted: Json) -> None:
        REJECT.check(wanted, "")
        if not call.rings:
            raise RefusalError("invalid_value", "The call does not ring any more.", param="call_id")
        call.reject(wanted.get("status_code", DECLINED))

    def _refer(self, call: SipCall, wanted: Json) -> None:
        REFER.check(wanted, "")
        _check_session_of(call)
        call.referred_to.append(wanted["target_uri"])
        if not self._faults.deaf_to_refer:
            delay_s = self._faults.refer_ms / 1000
            asyncio.get_running_loop().call_later(delay_s, call.end, SipEnding.TRANSFERRED)

    def _hang_up(self, call: SipCall, _: Json) -> None:
        _check_session_of(call)
        call.end(SipEnding.AGENT_HUNG_UP)


def _object(body: bytes, content_type: str) -> Json:
    """The body, which may be left out."""
    if body and content_type != "application/json":
        message = (
            f"Unsupported content type: {content_type!r}. This API method only accepts 'application/json' requests."
        )
        raise RefusalError("unsupported_content_type", message)
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise RefusalError(None, "Could not parse the body: it is not valid JSON.") from None
    if not isinstance(found, dict):
        raise RefusalError(None, "Invalid body: expected an object.")
    return found


def _check_session(session: Json) -> None:
    """A session for a call names its type and its model, and is one that could be opened."""
    for key in ("type", "model"):
        if key not in session:
            raise missing(f"session.{key}")
    config = SessionConfig(new_id("sess"), str(session["model"]), expires_at=0)
    config.update(session, has_audio=False, has_items=False)


def _check_session_of(call: SipCall) -> None:
    if call.session is None:
        raise RefusalError("invalid_value", "The call was not accepted yet.", param="call_id")


def _negotiated(session: Json) -> Json:
    """The session with the formats of the line, where it does not name others and garbles what is said."""
    audio = session.get("audio", {})
    return {**session, "audio": {side: {"format": PCMU, **audio.get(side, {})} for side in ("input", "output")}}


async def _nothing(request: web.Request) -> web.StreamResponse:
    return _error(HTTPStatus.NOT_FOUND, None, f"Invalid URL ({request.method} {request.path})")


def _error(
    status: HTTPStatus, code: str | None, message: str, *, param: str | None = None, kind: str = "invalid_request_error"
) -> web.Response:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return web.json_response({"error": error}, status=status)
