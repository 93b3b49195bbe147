"""
A whole call in virtual time: the call in the middle, a telephone and a realtime server at the ends, two networks.

Everything is drawn from one seed, so the seed's number is the call.
"""

from dataclasses import dataclass
from random import Random

from gateway.call import Call, Event
from gateway.call.events import HangUpRequested
from gateway.playback import PlaybackLedger
from tests.call.world.agents import with_agents
from tests.call.world.conditions import Conditions, draw
from tests.call.world.hands import Hands
from tests.call.world.options import with_options
from tests.call.world.server import Server
from tests.call.world.shell import OUR_CLOCK_MS, Entry, Shell
from tests.call.world.telephone import Telephone
from tests.playback.telephone import Wire
from tests.playback.telephone import World as Agenda

AFTERMATH_MS = 15_000.0
"""How long the world goes on after the caller is gone: longer than any deadline of a call."""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What became of one call, as both ends and the call itself have it."""

    seed: int
    conditions: Conditions
    entries: list[Entry]
    """What the call was told and what it did, in order."""
    telephone: Telephone
    server: Server
    ledger: PlaybackLedger


class World:
    """One call, with all that it needs."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        conditions = with_options(draw(rng), Random(f"options {seed}"))
        self._conditions = with_agents(conditions, Random(f"agents {seed}"))
        self._agenda = Agenda()
        phone_net, model_net = self._conditions.phone_net, self._conditions.model_net
        self._wires = [
            Wire(self._agenda, net, Random(rng.getrandbits(64))) for net in (phone_net, phone_net, model_net, model_net)
        ]
        self._telephone = Telephone(self._agenda, self._conditions, Random(rng.getrandbits(64)), self._from_phone)
        self._server = Server(self._agenda, self._conditions, Random(rng.getrandbits(64)), self._from_model)
        self._call = Call(self._conditions.plan, now_ms=OUR_CLOCK_MS)
        self._shell = Shell(
            self._agenda,
            self._call,
            to_phone=self._wires[0],
            to_model=self._wires[2],
            phone=self._telephone,
            model=self._server,
            hands=Hands(self._agenda, self._conditions, Random(f"hands {seed}"), self._from_hands),
        )
        self.account = Account(
            seed, self._conditions, self._shell.entries, self._telephone, self._server, self._call.ledger
        )

    def run(self) -> Account:
        """Play the call to its end, and a while longer."""
        self._shell.begin()
        self._telephone.begin()
        self._server.begin()
        if self._conditions.ending == "is_sent_away":
            self._agenda.at(self._conditions.ends_ms, lambda: self._shell.dispatch(HangUpRequested("gateway_stopped")))
        self._agenda.run(self._conditions.ends_ms + AFTERMATH_MS)
        return self.account

    def _from_phone(self, event: Event) -> None:
        self._wires[1].send(lambda: self._shell.dispatch(event))

    def _from_model(self, event: Event) -> None:
        self._wires[3].send(lambda: self._shell.dispatch(event))

    def _from_hands(self, event: Event) -> None:
        self._shell.dispatch(event)
