"""
The phone company's part in one call: it carries out TwiML, verb by verb.

`<Connect>` opens a media stream and holds up the verbs behind it until that stream has ended. Then,
unless the caller has hung up, its `action` is asked for other verbs, or the next one is carried out.
A stream that cannot be opened is skipped the same way. With nothing left to do the call is over.

`<Dial>` rings somebody for as long as that somebody lets it ring, and lasts for as long as the two talk. Then its
`action` is asked what to do next, or the call is over; a caller who hangs up while it rings is told of there as well.

Other verbs take no time here; they are kept, in order, in `carried_out`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never
from uuid import uuid4

from gateway.sim.callee import ANYBODY, Callee, DialCallStatus
from gateway.sim.codes import AnswerError, RequestError
from gateway.sim.echo_path import EchoPath
from gateway.sim.faults import PhoneFaults
from gateway.sim.journal import Journal
from gateway.sim.media_messages import Writer
from gateway.sim.network import Network
from gateway.sim.signed_client import SignedClient
from gateway.sim.stream import MediaStream
from gateway.sim.twiml import Connect, Dial, Hangup, Pause, Play, Redirect, Reject, Say, Verb

REDIRECT_LIMIT = 20

First = Callable[[], Awaitable[list[Verb]]]
"""Finds out what to do with a call at its beginning."""


class Ending(StrEnum):
    """Why a call is over."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    """`<Hangup>`, or nothing left to do."""
    REJECTED = "rejected"
    TRANSFERRED = "transferred"
    DROPPED = "dropped"
    """The simulation was ended before the call was."""
    FAILED = "failed"
    """A handshake failed with nothing to fall back to, or a later webhook did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSetup:
    """What is known of a call before it is placed."""

    to: str
    caller: str
    account_sid: str
    call_sid: str = field(default_factory=lambda: "CA" + uuid4().hex)
    inbound: Network
    outbound: Network
    faults: PhoneFaults
    seed: int
    status_url: str
    extra_fields: Mapping[str, str]
    echo: EchoPath | None = None
    callees: Mapping[str, Callee] = field(default_factory=dict)
    """Who answers where, by number or address; everybody else is `ANYBODY`."""

    def fields(self, call_status: str) -> dict[str, str]:
        """The form that every request about this call carries."""
        return {
            "CallSid": self.call_sid,
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "From": self.caller,
            "To": self.to,
            "Caller": self.caller,
            "Called": self.to,
            "CallStatus": call_status,
            "Direction": "inbound",
            "FromCountry": "US",
            "ToCountry": "US",
            "FromCity": "",
            "ToCity": "",
            "StirVerstat": "TN-Validation-Passed-A",
            **self.extra_fields,
        }


class Carrier:
    """Carries one call from its first verb to its end."""

    def __init__(self, setup: CallSetup, client: SignedClient, journal: Journal) -> None:
        self.carried_out: list[Verb] = []
        self.streams: list[MediaStream] = []
        self.opened = asyncio.Event()
        """Set when a stream is open, or the call is over."""
        self.failure: RequestError | AnswerError | None = None
        """What went wrong, unless there was a verb to fall back to."""
        self._setup = setup
        self._client = client
        self._journal = journal
        self._caller_hung_up = False
        self._put_through = False
        """Whether the caller has talked to somebody else last."""
        self._interrupted = asyncio.Event()
        self._update: list[Verb] | None = None
        self._fetches = 0

    async def fetch(
        self, url: str, method: str = "POST", dialled: Mapping[str, str] = MappingProxyType({})
    ) -> list[Verb]:
        """Ask the application at *url* what to do with the call, and tell it what became of a `<Dial>`."""
        call_status = "completed" if self._caller_hung_up else "in-progress" if self._fetches else "ringing"
        self._fetches += 1
        if self._fetches > REDIRECT_LIMIT:
            raise AnswerError(11200, f"expected at most {REDIRECT_LIMIT} requests for TwiML in one call")
        verbs = await self._client.fetch_twiml(url, {**self._setup.fields(call_status), **dialled}, method)
        self._journal.report("twiml", " ".join(type(verb).__name__ for verb in verbs))
        return verbs

    async def live(self, first: First) -> Ending:
        """The whole call, beginning with the *first* verbs."""
        try:
            ending = await self._carry_out(first)
        except (RequestError, AnswerError) as error:
            self._fail(error)
            ending = Ending.FAILED
        finally:
            self.opened.set()
        self._journal.report("ended", ending.value)
        if self._setup.status_url:
            await self._notify(self._setup.status_url, self._completed())
        return ending

    def hang_up(self) -> None:
        """The caller hangs up."""
        self._caller_hung_up = True
        self._interrupt()

    def update(self, verbs: list[Verb]) -> None:
        """The application gave the running call other verbs, as it may through Twilio's REST API."""
        self._update = verbs
        self._interrupt()

    def _interrupt(self) -> None:
        """Whatever is being carried out comes to its end."""
        self._interrupted.set()
        if self.streams:
            self.streams[-1].hang_up()

    async def _carry_out(self, first: First) -> Ending:
        pending = deque(await first())
        while pending:
            outcome = await self._do(pending.popleft())
            if self._caller_hung_up:
                return Ending.CALLER_HUNG_UP
            if isinstance(outcome, Ending):
                return outcome
            pending = pending if outcome is None else deque(outcome)
        return Ending.FAILED if self.failure else self._ended()

    def _ended(self) -> Ending:
        """There is nothing left to do."""
        return Ending.TRANSFERRED if self._put_through else Ending.AGENT_HUNG_UP

    async def _do(self, verb: Verb) -> Ending | list[Verb] | None:
        if isinstance(verb, Connect):
            return await self._connect(verb)
        self.failure = None
        self.carried_out.append(verb)
        self._journal.report("verb", str(verb))
        match verb:
            case Redirect(url, method):
                return await self.fetch(url, method)
            case Dial():
                return await self._dial(verb)
            case Reject():
                return Ending.REJECTED
            case Hangup():
                return self._ended()
            case Say() | Play() | Pause():
                return None
            case _:
                assert_never(verb)

    async def _dial(self, verb: Dial) -> Ending | list[Verb] | None:
        """Ring somebody; without an `action` the next verb follows where nobody has answered."""
        began_s = asyncio.get_running_loop().time()
        status = await self._rung(verb, self._setup.callees.get(verb.to, ANYBODY))
        self._put_through = status == "completed"
        self._journal.report("dialled", f"{verb.to}: {status}")
        if self._update is not None and not self._caller_hung_up:
            return self._take_update()
        if not verb.action:
            return Ending.TRANSFERRED if self._put_through else None
        lasted_s = round(asyncio.get_running_loop().time() - began_s) if self._put_through else 0
        dialled = {"DialCallStatus": status, "DialCallSid": "CA" + uuid4().hex, "DialCallDuration": str(lasted_s)}
        return await self.fetch(verb.action, dialled={**dialled, "DialBridged": str(self._put_through).lower()})

    async def _rung(self, verb: Dial, callee: Callee) -> DialCallStatus:
        ring_ms = min(callee.rings_ms, verb.timeout_s * 1000)
        if await self._lasted(ring_ms):
            return "canceled"
        if ring_ms < callee.rings_ms:
            return "no-answer"
        if callee.status == "completed":
            self._journal.report("answered", verb.to)
            await self._lasted(callee.talks_ms)
        return callee.status

    async def _lasted(self, length_ms: float) -> bool:
        """Let time pass; whether it was cut short."""
        self._interrupted.clear()
        if self._caller_hung_up or self._update is not None:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(length_ms / 1000):
                await self._interrupted.wait()
        return self._interrupted.is_set()

    def _take_update(self) -> list[Verb] | None:
        update, self._update = self._update, None
        return update

    async def _connect(self, verb: Connect) -> list[Verb] | None:
        self._put_through = False
        try:
            await self._stream(verb)
        except RequestError as error:
            self._fail(error)
        update = self._take_update()
        if update is not None or self._caller_hung_up:
            return update
        return await self.fetch(verb.action, verb.action_method) if verb.action else None

    async def _stream(self, verb: Connect) -> None:
        socket = await self._client.open_stream(verb.url)
        stream = self._new_stream()
        self.streams.append(stream)
        self._journal.report("stream_began", stream.stream_sid)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notify_stream(verb.status_callback, stream, "stream-started"))
            await stream.run(socket, self._parameters(verb), self.opened.set)
        self._journal.report("stream_ended", f"close code {stream.close_code}")
        await self._notify_stream(verb.status_callback, stream, "stream-stopped")

    def _new_stream(self) -> MediaStream:
        setup, stream_sid = self._setup, "MZ" + uuid4().hex
        return MediaStream(
            Writer(account_sid=setup.account_sid, call_sid=setup.call_sid, stream_sid=stream_sid),
            stream_sid,
            inbound=setup.inbound,
            outbound=setup.outbound,
            faults=setup.faults,
            seed=setup.seed,
            journal=self._journal,
            echo=setup.echo,
        )

    def _parameters(self, verb: Connect) -> dict[str, str]:
        altered = "-altered" if self._setup.faults.wrong_parameters else ""
        return {name: value + altered for name, value in verb.parameters.items()}

    def _fail(self, error: RequestError | AnswerError) -> None:
        self.failure = error
        self._journal.warn(error.code, error.why)

    async def _notify_stream(self, url: str, stream: MediaStream, event: str) -> None:
        form = {
            "AccountSid": self._setup.account_sid,
            "CallSid": self._setup.call_sid,
            "StreamSid": stream.stream_sid,
            "StreamName": stream.stream_sid,
            "StreamEvent": event,
            "Timestamp": datetime.now(UTC).isoformat(),
        }
        if url:
            await self._notify(url, form)

    async def _notify(self, url: str, form: Mapping[str, str]) -> None:
        try:
            await self._client.notify(url, form)
        except RequestError as error:
            self._journal.warn(error.code, error.why)

    def _completed(self) -> dict[str, str]:
        duration_s = round(self._journal.now_ms() / 1000)
        return self._setup.fields("completed") | {
            "CallDuration": str(duration_s),
            "Duration": str(-(-duration_s // 60)),
            "Timestamp": format_datetime(datetime.now(UTC)),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": "0",
        }
