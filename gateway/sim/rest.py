"""
Twilio's REST side, as far as it can end a live call, or have it go on elsewhere.

A phone that is registered here can be hung up from outside, as an application does it, or be given other TwiML: its
stream gets `stop`, its socket closes, and the call ends as if it had come to a `<Hangup>`, or does as it is told. A
call that is over, or was not placed yet, is refused like one of Twilio's, and so are requests in someone else's name,
and more of them than there may be in a second. Answers have the shape of Twilio's; what no phone tells about itself is
null in them.

https://www.twilio.com/docs/voice/api/call-resource, https://www.twilio.com/docs/usage/requests-to-twilio
"""

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self

from aiohttp import web

from gateway.sim.codes import AnswerError
from gateway.sim.phone import Phone

ACCOUNT_SID = "AC" + "0" * 32
HANG_UP = "<Response><Hangup/></Response>"
ERRORS_URL = "https://www.twilio.com/docs/errors"
INVALID_PARAMETER = 20001
NOT_AUTHENTICATED = 20003
NOT_FOUND = 20404
TOO_MANY_REQUESTS = 20429
TWIML_TOO_LONG = 32018
TWIML_LIMIT = 4_000
INTERNAL_ERROR = 20500
NOT_IN_PROGRESS = 21220
CODES = {
    HTTPStatus.BAD_REQUEST: INVALID_PARAMETER,
    HTTPStatus.UNAUTHORIZED: NOT_AUTHENTICATED,
    HTTPStatus.FORBIDDEN: NOT_AUTHENTICATED,
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: TOO_MANY_REQUESTS,
}
"""What a refusal is called, when it is not Twilio's own fault."""
SHUTDOWN_TIMEOUT_S = 0.1
SUBRESOURCES = ("events", "notifications", "payments", "recordings", "siprec", "streams", "transcriptions")
UNKNOWN_FIELDS = (
    "annotation",
    "answered_by",
    "caller_name",
    "date_created",
    "duration",
    "forwarded_from",
    "from",
    "from_formatted",
    "group_sid",
    "parent_call_sid",
    "phone_number_sid",
    "price",
    "start_time",
    "to",
    "to_formatted",
    "trunk_sid",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFaults:
    """How the REST side departs from what it should do; by default it does not."""

    refusals: tuple[HTTPStatus, ...] = ()
    """What the next requests are answered with, such as 429 or 503, before one is looked at."""
    retry_after_s: int | None = None
    """What such an answer says in `Retry-After`; None leaves the header out."""
    delay_ms: float = 0
    """How long every request waits before it is looked at."""
    garbage: bool = False
    """Do what is asked, and answer with what means nothing."""
    per_second: int | None = None
    """How many requests are looked at in a second; the others are too many. None looks at all of them."""
    lost_answers: int = 0
    """So many requests are carried out, and the connection is cut where the answer should come."""


NO_FAULTS = RestFaults()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    form: Mapping[str, str]


class TwilioRest:
    """Serves one account's part of the API on a local port."""

    def __init__(self, auth_token: str, *, account_sid: str = ACCOUNT_SID, faults: RestFaults = NO_FAULTS) -> None:
        self.requests: list[Asked] = []
        """Every request that came, in order."""
        self._account_sid = account_sid
        self._credentials = "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._faults = faults
        self._refusals = list(faults.refusals)
        self._answers_to_lose = faults.lost_answers
        self._looked_at_s: deque[float] = deque(maxlen=faults.per_second)
        self._phones: dict[str, Phone] = {}
        self._runner = web.AppRunner(self._application(), shutdown_timeout=SHUTDOWN_TIMEOUT_S)

    @property
    def url(self) -> str:
        """What stands in for `https://api.twilio.com`."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    def register(self, phone: Phone) -> None:
        """Let the call of *phone* be ended from here."""
        self._phones[phone.call_sid] = phone

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Stop listening; calls go on."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._gatekeeper])
        calls = f"/2010-04-01/Accounts/{self._account_sid}/Calls"
        app.router.add_post(calls + "/{call_sid}.json", self._update)
        app.router.add_route("*", "/{path:.*}", self._nothing)
        return app

    @web.middleware
    async def _gatekeeper(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Every request is written down, and late; some are refused, whatever they ask for."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(Asked(request.method, request.path, form))
        await asyncio.sleep(self._faults.delay_ms / 1000)
        if self._refusals:
            return self._refuse(self._refusals.pop(0))
        if self._too_many():
            return self._refuse(HTTPStatus.TOO_MANY_REQUESTS)
        if request.headers.get("Authorization") != self._credentials:
            return _error(HTTPStatus.UNAUTHORIZED, NOT_AUTHENTICATED, "Authenticate")
        answer = await handler(request)
        if self._answers_to_lose and request.transport is not None:
            self._answers_to_lose -= 1
            request.transport.abort()
        return web.Response(text="<html>It works!</html>", content_type="text/html") if self._faults.garbage else answer

    def _too_many(self) -> bool:
        """Whether as many requests as there may be were looked at within the last second."""
        now_s, looked_at_s = asyncio.get_running_loop().time(), self._looked_at_s
        if len(looked_at_s) == self._faults.per_second and now_s < looked_at_s[0] + 1:
            return True
        looked_at_s.append(now_s)
        return False

    def _refuse(self, status: HTTPStatus) -> web.Response:
        answer = _error(status, CODES.get(status, INTERNAL_ERROR), status.phrase)
        if self._faults.retry_after_s is not None:
            answer.headers["Retry-After"] = str(self._faults.retry_after_s)
        return answer

    async def _nothing(self, request: web.Request) -> web.Response:
        return _error(HTTPStatus.NOT_FOUND, NOT_FOUND, f"The requested resource {request.path} was not found")

    async def _update(self, request: web.Request) -> web.Response:
        """Change a call: it is completed, or goes on with other TwiML."""
        phone = self._phones.get(request.match_info["call_sid"])
        if phone is None or not phone.events:
            return await self._nothing(request)
        if any(event.kind == "ended" for event in phone.events):
            return _error(HTTPStatus.BAD_REQUEST, NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.")
        form = await request.post()
        status, twiml = form.get("Status"), str(form.get("Twiml", ""))
        if status != "completed" and not (twiml and status is None):
            return _error(HTTPStatus.BAD_REQUEST, INVALID_PARAMETER, f"Status {status!r} is not supported here")
        if len(twiml) > TWIML_LIMIT:
            return _error(HTTPStatus.BAD_REQUEST, TWIML_TOO_LONG, "Twiml is too long")
        try:
            await phone.update(twiml or HANG_UP)
        except AnswerError as error:
            return _error(HTTPStatus.BAD_REQUEST, error.code, error.why)
        return web.json_response(self._call(phone, "in-progress" if twiml else "completed"))

    def _call(self, phone: Phone, status: str) -> dict[str, object]:
        now = datetime.now(UTC)
        uri = f"/2010-04-01/Accounts/{self._account_sid}/Calls/{phone.call_sid}"
        unknown = dict.fromkeys(UNKNOWN_FIELDS)
        return unknown | {
            "sid": phone.call_sid,
            "account_sid": self._account_sid,
            "status": status,
            "direction": "inbound",
            "api_version": "2010-04-01",
            "date_updated": format_datetime(now),
            "end_time": format_datetime(now) if status == "completed" else None,
            "price_unit": "USD",
            "queue_time": "0",
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{name.title()}.json" for name in SUBRESOURCES},
        }


def _error(status: HTTPStatus, code: int, message: str) -> web.Response:
    body = {"code": code, "message": message, "more_info": f"{ERRORS_URL}/{code}", "status": int(status)}
    return web.json_response(body, status=status)
