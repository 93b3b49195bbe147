"""
The emulated realtime server: sockets, and who may open one.

Whoever connects names a model, or a call to be attached to. What the service refuses before the upgrade is
refused with an HTTP status here; what it refuses after it, such as a wrong key, with a close code.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.engine import Engine
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.session import Session
from gateway.sim.realtime.turn import Json

logger = logging.getLogger(__name__)

PATH = "/v1/realtime"
PATHS = (PATH, "/openai/v1/realtime", "/openai/realtime")
LARGEST_FRAME_BYTES = 16 * 1024 * 1024
CLOSE_TIMEOUT_S = 1.0
SUBPROTOCOL = Subprotocol("realtime")
KEY_SUBPROTOCOL = "openai-insecure-api-key."


class AttachableCall:
    """A call on a SIP line, to which clients can attach while it lasts."""

    def __init__(self, config: Json) -> None:
        self.config = config
        self.sessions: list[Session] = []
        self.lasts = True

    def hang_up(self) -> None:
        """End the call the way the service does: without a word to whoever is attached."""
        self.lasts = False
        for session in self.sessions:
            session.drop()


class RealtimeServer:
    """A server that plays the realtime API on a local port."""

    def __init__(self, behaviour: Behaviour | None = None, *, remembered_sessions: int | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        """How sessions behave that are opened from now on."""
        self.sessions: list[Session] = []
        """Every session ever opened, in order; the last few only, if the server is to forget."""
        self._remembered_sessions = remembered_sessions
        self._calls: dict[str, AttachableCall] = {}
        self._unseen: asyncio.Queue[Session] = asyncio.Queue()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where to connect, without a query."""
        assert self._server is not None, "the server has not been started"
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"ws://{host}:{port}{PATH}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._refuse,
            select_subprotocol=_select_subprotocol,
            compression=None,
            max_size=LARGEST_FRAME_BYTES,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
        )

    async def close(self) -> None:
        """Stop listening, and end every session."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def add_call(self, call_id: str, session_config: Json | None = None) -> AttachableCall:
        """Make a call that was accepted with *session_config* attachable."""
        self._calls[call_id] = call = AttachableCall(session_config or {})
        return call

    async def next_session(self, *, timeout_s: float = 5.0) -> Session:
        """Wait for the next session that was not asked for yet."""
        async with asyncio.timeout(timeout_s):
            return await self._unseen.get()

    def _refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse the upgrade, or do not."""
        path, query = urlsplit(request.path).path, _query(request)
        if path not in PATHS:
            return _refusal(socket, HTTPStatus.NOT_FOUND, None, f"Invalid URL (GET {path})")
        if ("model" in query) == ("call_id" in query):
            return _refusal(socket, HTTPStatus.BAD_REQUEST, "missing_model", "Give either a model or a call_id.")
        if "call_id" in query and not self._lasting_call(query["call_id"]):
            return _refusal(socket, HTTPStatus.NOT_FOUND, "call_id_not_found", "No session found for this call_id.")
        if self.behaviour.api_key is not None and _key(request) is None:
            return _refusal(socket, HTTPStatus.UNAUTHORIZED, None, "Missing bearer authentication in header.")
        return None

    def _lasting_call(self, call_id: str) -> AttachableCall | None:
        call = self._calls.get(call_id)
        return call if call and call.lasts else None

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        if self.behaviour.api_key not in (None, _key(request)):
            await socket.close(3000, "invalid_request_error.invalid_api_key")
        elif self.behaviour.dialect == "ga" and "OpenAI-Beta" in request.headers:
            await _refuse_beta(socket)
        else:
            await self._open(socket, _query(request)).run()

    def _open(self, socket: ServerConnection, query: dict[str, str]) -> Session:
        call = self._lasting_call(query.get("call_id", ""))
        model = query.get("model") or (call.config.get("model") if call else None) or "gpt-realtime"
        engine = Engine(
            self.behaviour,
            model=model,
            now_s=asyncio.get_running_loop().time(),
            unix_s=time.time(),
            sip_config=call.config if call else None,
        )
        session = Session(engine, socket)
        if call:
            call.sessions.append(session)
        self._remember(session)
        return session

    def _remember(self, session: Session) -> None:
        self.sessions.append(session)
        self._unseen.put_nowait(session)
        if self._remembered_sessions is not None:
            del self.sessions[: -self._remembered_sessions]
            while self._unseen.qsize() > self._remembered_sessions:
                self._unseen.get_nowait()


def _query(request: Request) -> dict[str, str]:
    """The query; older clients say *deployment* where others say *model*."""
    query = {key: values[-1] for key, values in parse_qs(urlsplit(request.path).query).items()}
    if "deployment" in query:
        query.setdefault("model", query["deployment"])
    return query


def _key(request: Request) -> str | None:
    """The key that the client shows, wherever it shows it."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        return authorization.removeprefix("Bearer ")
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(",")
    keys = [name.strip().removeprefix(KEY_SUBPROTOCOL) for name in offered if KEY_SUBPROTOCOL in name]
    return keys[0] if keys else request.headers.get("api-key")


def _refusal(socket: ServerConnection, status: HTTPStatus, code: str | None, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    response = socket.respond(status, json.dumps({"error": error}))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


async def _refuse_beta(socket: ServerConnection) -> None:
    error = {
        "type": "invalid_request_error",
        "code": "beta_api_shape_disabled",
        "message": "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        "param": None,
    }
    try:
        await socket.send(json.dumps({"type": "error", "event_id": new_id("event"), "error": error}))
    except ConnectionClosed:
        logger.debug("gone before it was refused")
    await socket.close(4000, "invalid_request_error.beta_api_shape_disabled")


def _select_subprotocol(socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None
