"""
A caller with a phone, and the phone company between them and the gateway.

`dial` asks the voice webhook what to do with the call and carries out the TwiML that it answers;
`connect` goes to a media stream without asking. Both return once the stream is open, or the call is
over, and raise what went wrong when there is neither a stream nor anything to fall back to. The
stream then sends a frame every 20 ms until someone ends it.

The caller speaks, listens, presses keys and hangs up. Whatever they wait for is awaited without
polling, and raises `PeerError` when the stream ends first. What they heard is told by `earpiece`,
exactly; what happened to the call, by `events`; what Twilio would have logged, by `warnings`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from gateway.errors import LocalProtocolError
from gateway.sim.callee import Callee
from gateway.sim.carrier import CallSetup, Carrier, Ending, First
from gateway.sim.earpiece import Earpiece
from gateway.sim.echo_path import EchoPath
from gateway.sim.faults import PhoneFaults
from gateway.sim.journal import Journal, PhoneEvent
from gateway.sim.network import Network
from gateway.sim.signed_client import SignedClient
from gateway.sim.stream import MediaStream
from gateway.sim.twiml import Connect, Verb, read_twiml

NO_DELAY = Network()
NO_FAULTS = PhoneFaults()


class Phone:
    """
    One call, from dialling to its end.

    With an *echo*, what is played to the caller comes back with what they say. Whom the caller may be put through to is
    said by *callees*, by number or address.

    Many phones may share a *session*, if its connector allows for as many sockets (aiohttp: 100).
    """

    def __init__(
        self,
        voice_url: str = "",
        *,
        to: str = "+15550199",
        caller: str = "+15550100",
        auth_token: str | None = None,
        account_sid: str = "AC" + "0" * 32,
        inbound: Network = NO_DELAY,
        outbound: Network = NO_DELAY,
        faults: PhoneFaults = NO_FAULTS,
        echo: EchoPath | None = None,
        seed: int = 0,
        callees: Mapping[str, Callee] | None = None,
        status_url: str = "",
        extra_fields: Mapping[str, str] | None = None,
        on_event: Callable[[PhoneEvent], None] | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._setup = CallSetup(
            to=to,
            caller=caller,
            account_sid=account_sid,
            inbound=inbound,
            outbound=outbound,
            faults=faults,
            echo=echo,
            seed=seed,
            callees=callees or {},
            status_url=status_url,
            extra_fields=extra_fields or {},
        )
        self._voice_url = voice_url
        self._auth_token = f"not-{auth_token}" if auth_token and faults.wrong_auth_token else auth_token
        self._session = session
        self._journal = Journal(on_event)
        self._carrier: Carrier | None = None
        self._call: asyncio.Task[Ending] | None = None

    async def dial(self) -> None:
        """Place the call as Twilio does, by asking the voice webhook."""
        await self._place(lambda carrier: carrier.fetch(self._voice_url))

    async def connect(self, stream_url: str, parameters: Mapping[str, str] | None = None) -> None:
        """Place the call without a webhook, straight to a media stream."""

        async def connect(_: Carrier) -> list[Verb]:
            return [Connect(stream_url, dict(parameters or {}))]

        await self._place(connect)

    def say(self, audio: bytes) -> None:
        """Speak *audio* (mu-law at 8 kHz) from the next frame on, or after what is being spoken."""
        self.stream.mouth.say(audio)

    async def spoken(self) -> None:
        """Wait until all that was said is said."""
        mouth = self.stream.mouth
        await self.stream.conditions.until(lambda: None if mouth.speaking else 0, "the caller has spoken")

    def hush(self) -> None:
        """Stop speaking at once."""
        self.stream.mouth.hush()

    def press(self, digits: str) -> None:
        """Press keys, one after the other."""
        for digit in digits:
            self.stream.press(digit)

    async def hears(self, *, at_least_ms: float = 1) -> None:
        """Wait until so much of the agent was played, since the last clear or the beginning."""
        stream = self.stream

        def due_s() -> float | None:
            due_ms = stream.earpiece.will_have_played_ms(at_least_ms, stream.now_ms())
            return None if due_ms is None else stream.loop_time_s(due_ms)

        await stream.conditions.until(due_s, f"the caller has heard {at_least_ms:g} ms")

    @property
    def heard_ms(self) -> float:
        """How much of the agent was played since the last clear or the beginning."""
        return self.earpiece.played_ms_since_clear(self.stream.now_ms())

    async def quiet(self) -> None:
        """Wait until there is nothing left to play."""
        await self.silent_for(0)

    async def silent_for(self, length_ms: float) -> None:
        """Wait until nothing has been played for so long."""
        stream = self.stream
        await stream.conditions.until(
            lambda: stream.loop_time_s(stream.earpiece.dry_at_ms() + length_ms),
            f"the agent is silent for {length_ms:g} ms",
        )

    async def cleared(self) -> None:
        """Wait until the next clear has taken effect."""
        clears = self.stream.earpiece.clears
        before = len(clears)
        await self.stream.conditions.until(lambda: 0 if len(clears) > before else None, "the buffer is cleared")

    async def hang_up(self) -> None:
        """Hang up, and wait until the call is over on all sides."""
        self._placed().hang_up()
        if not self._setup.faults.stop_without_close:
            await self.ended()

    async def update(self, twiml: str) -> None:
        """Give the running call other TwiML, as an application may through Twilio's REST API."""
        self._placed().update(read_twiml(twiml, self._voice_url))

    async def happened(self, kind: str, times: int = 1) -> None:
        """Wait until something has happened to the call so many times."""
        await self._journal.conditions.until(
            lambda: 0 if sum(event.kind == kind for event in self.events) >= times else None, f"{kind} has happened"
        )

    async def ended(self) -> Ending:
        """Wait until the call is over, for whatever reason."""
        if not self._call:
            raise LocalProtocolError("expected a call that was placed")
        await asyncio.wait([self._call])
        return Ending.DROPPED if self._call.cancelled() else self._call.result()

    async def close(self) -> None:
        """Drop the call, if it is not over."""
        if self._call:
            self._call.cancel()
            await asyncio.wait([self._call])

    @property
    def call_sid(self) -> str:
        """Twilio's name for the call."""
        return self._setup.call_sid

    @property
    def stream(self) -> MediaStream:
        """The media stream, or the last one if there were several."""
        if not (streams := self._placed().streams):
            raise LocalProtocolError("expected a media stream, found none in this call")
        return streams[-1]

    @property
    def streams(self) -> list[MediaStream]:
        """All media streams of the call, the last one perhaps still open."""
        return self._placed().streams

    @property
    def earpiece(self) -> Earpiece:
        """The play-out buffer of the media stream, and the truth about what was heard."""
        return self.stream.earpiece

    @property
    def events(self) -> list[PhoneEvent]:
        """What happened to the call so far."""
        return self._journal.events

    @property
    def warnings(self) -> Counter[int]:
        """How often Twilio would have warned, by the number of the warning."""
        return self._journal.warnings

    @property
    def fallback(self) -> list[Verb]:
        """The verbs that were carried out besides `<Connect>`."""
        return self._placed().carried_out

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _place(self, first: Callable[[Carrier], Awaitable[list[Verb]]]) -> None:
        if self._call:
            raise LocalProtocolError("expected a phone that was not used, found one with a call")
        self._journal.begin()
        session = self._session or aiohttp.ClientSession()
        carrier = self._carrier = Carrier(self._setup, SignedClient(session, self._auth_token), self._journal)
        self._call = asyncio.create_task(self._live(session, carrier, lambda: first(carrier)))
        await carrier.opened.wait()
        if carrier.failure and not carrier.streams:
            raise carrier.failure

    async def _live(self, session: aiohttp.ClientSession, carrier: Carrier, first: First) -> Ending:
        try:
            return await carrier.live(first)
        finally:
            if session is not self._session:
                await session.close()

    def _placed(self) -> Carrier:
        if not self._carrier:
            raise LocalProtocolError("expected a call that was placed")
        return self._carrier
