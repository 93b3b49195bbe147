"""
A realtime server: one conversation, one response at a time, and a memory that it cuts only when it is told to.

It cancels a response when its VAD hears the caller, after which some of what was under way still comes, and answers
when the caller's turn ends; unless it was told to leave both to the gateway. It counts what it has generated of every
item, and refuses to keep more of one than that.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

from gateway.call import Event
from gateway.call.events import ModelClosed
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    ErrorReceived,
    ItemTruncated,
    RealtimeEvent,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import (
    AppendAudio,
    CancelResponse,
    ConfigureSession,
    CreateResponse,
    Input,
    SendToolOutput,
    TruncateItem,
    UpdateAgent,
)
from gateway.protocol.session import PCMU
from tests.call.world.conditions import NEVER_MS, Conditions
from tests.call.world.ear import Ear
from tests.call.world.speech import Author, Item, Step
from tests.call.world.tape import Sound
from tests.playback.telephone import World as Agenda

LATE_MS = 40.0
ACTIVE = "conversation_already_has_active_response"
NOT_ACTIVE = "response_cancel_not_active"
WORDS: dict[Sound, str] = {"words": "Can I change it?", "nod": "Uh-huh.", "echo": "as I was saying"}


class Server:
    """Listens, answers, remembers."""

    def __init__(self, agenda: Agenda, conditions: Conditions, rng: Random, say: Callable[[Event], None]) -> None:
        self.refused: list[tuple[Input, str]] = []
        """What of the gateway's it refused, and why."""
        self.outputs: list[SendToolOutput] = []
        self.segments: dict[str, str] = {}
        """Which words of the line each response speaks."""
        self.turns: dict[str, dict[Sound, int]] = {}
        """Every turn of the caller that has ended: how many ms of each sound were in it."""
        self._agenda, self._habits, self._rng, self._say = agenda, conditions.model, rng, say
        self._author = Author(self._habits, rng)
        self._ear = Ear(self._habits)
        self._interrupts = self._responds = True
        self._turns = 0
        self._responses = 0
        self._active: str | None = None
        self._steps: deque[Step] = deque()
        self._known = False
        """Whether anything was told of the active response."""
        self._connected = False

    @property
    def items(self) -> dict[str, Item]:
        """Every item of the agent's speech, by its name."""
        return self._author.items

    @property
    def heard(self) -> list[str]:
        """Every frame of the caller's audio that arrived."""
        return self._ear.heard

    # The connection

    def begin(self) -> None:
        """The gateway dials."""
        self._later(self._habits.opens_ms, self._open)
        self._later(self._habits.dies_ms, self._die)

    def close(self) -> None:
        """The gateway lets go."""
        self._connected = False
        self._steps.clear()

    def _later(self, delay_ms: float, action: Callable[[], None]) -> None:
        if delay_ms < NEVER_MS:
            self._agenda.at(self._agenda.now_ms + delay_ms, action)

    def _open(self) -> None:
        self._connected = True
        self._say(SessionCreated("sess_1"))

    def _die(self) -> None:
        if not self._connected:
            return
        if self._habits.expires:
            self._say(ErrorReceived("session_expired", "Your session hit the maximum duration."))
        self.close()
        self._say(ModelClosed("model_lost"))

    # What it is asked

    def receive(self, command: Input) -> None:
        """Something arrived."""
        if not self._connected:
            return
        match command:
            case AppendAudio(payload):
                self._hear(payload)
            case ConfigureSession():
                self._later(self._habits.updates_ms, lambda: self._configure(command))
            case CreateResponse():
                self._create(command)
            case CancelResponse(response_id):
                self._cancel_asked(command, response_id)
            case TruncateItem():
                self._truncate(command)
            case SendToolOutput():
                self.outputs.append(command)
            case UpdateAgent():
                self._later(self._habits.updates_ms, self._updated)

    def _refuse(self, command: Input | None, code: str, message: str) -> None:
        if command is not None:
            self.refused.append((command, message))
        self._say(ErrorReceived(code, message, refused=command))

    def _configure(self, command: ConfigureSession) -> None:
        habits = self._habits
        if not self._connected:
            return
        if habits.refuses_session:
            self._refuse(command, "invalid_value", "No such voice.")
        else:
            turns = command.config.turn_detection
            self._interrupts = habits.interrupts and turns.get("interrupt_response") is not False
            self._responds = habits.responds and turns.get("create_response") is not False
            self._updated()

    def _updated(self) -> None:
        if self._connected:
            output_format = PCMU if self._habits.takes_mulaw else "audio/pcm"
            self._say(SessionUpdated(PCMU, output_format, interrupts=self._interrupts, responds=self._responds))

    def _create(self, command: CreateResponse | None) -> None:
        if self._active is not None:
            self._refuse(command, ACTIVE, f"Conversation already has an active response: {self._active}.")
            return
        self._responses += 1
        self._active = f"r{self._responses}"
        self.segments[self._active] = command.segment if command else ""
        self._steps, self._known = deque(self._author.response(self._active)), False
        self._next_step(self._active)

    def _truncate(self, cut: TruncateItem) -> None:
        item = self.items.get(cut.item_id)
        if item is None or not item.generated_bytes:
            self._refuse(cut, "item_truncate_invalid_item_id", f"The item with id '{cut.item_id}' does not exist.")
            return
        believed_ms = max(0, item.generated_bytes // 8 - self._habits.missing_tail_ms)
        kept_ms = believed_ms if item.kept_ms is None else item.kept_ms
        if cut.audio_end_ms > kept_ms:
            message = f"Audio content of {kept_ms}ms is already shorter than {cut.audio_end_ms}ms"
            self._refuse(cut, "invalid_value", message)
            return
        item.kept_ms = cut.audio_end_ms
        self._say(ItemTruncated(cut.item_id, cut.content_index, cut.audio_end_ms))

    # The caller's turns

    def _hear(self, payload: str) -> None:
        match self._ear.hear(payload):
            case "started":
                self._turns += 1
                self._say(SpeechStarted(f"caller_{self._turns}", self._ear.now_ms))
                self._transcribe(f"caller_{self._turns}", self._ear.sounds_ms, early=True)
                if self._interrupts:
                    self._cancel("turn_detected")
            case "stopped":
                self._say(SpeechStopped(f"caller_{self._turns}", self._ear.now_ms))
                self.turns[f"caller_{self._turns}"] = self._ear.turn()
                self._transcribe(f"caller_{self._turns}", self.turns[f"caller_{self._turns}"])
                if self._responds:
                    self._create(None)
            case _:
                pass

    def _transcribe(self, item_id: str, sounds_ms: dict[Sound, int], *, early: bool = False) -> None:
        if self._habits.transcribes_ms is not None and early == self._habits.transcribes_early:
            text = next((WORDS[sound] for sound in WORDS if sounds_ms.get(sound)), "")
            self._later(self._rng.uniform(*self._habits.transcribes_ms), lambda: self._transcribed(item_id, text))

    def _transcribed(self, item_id: str, text: str) -> None:
        if self._connected:
            self._say(CallerTranscript(item_id, text))

    # The responses

    def _next_step(self, response_id: str) -> None:
        if self._active == response_id and self._steps:
            self._later(self._steps[0].after_ms, lambda: self._take_step(response_id))

    def _take_step(self, response_id: str) -> None:
        if self._active == response_id and self._steps:
            self._tell(self._steps.popleft().event)
            self._next_step(response_id)

    def _tell(self, event: RealtimeEvent) -> None:
        self._known = self._known or isinstance(event, AudioDelta | ResponseCreated)
        match event:
            case AudioDelta(item_id=item_id, payload=payload):
                self.items[item_id].generated_bytes += len(payload) // 4 * 3 - payload.count("=")
            case ResponseDone():
                self._active = None
            case _:
                pass
        self._say(event)

    def _cancel_asked(self, command: CancelResponse, response_id: str) -> None:
        if self._active == response_id:
            self._cancel("client_cancelled")
        else:
            self._refuse(command, NOT_ACTIVE, "Cancellation failed: no active response found")

    def _cancel(self, reason: str) -> None:
        """Stop talking; what was under way still comes, before the end of the response or after it."""
        if self._active is None:
            return
        response_id = self._active
        to_come = [step.event for step in self._steps if isinstance(step.event, AudioDelta)]
        under_way = to_come[: self._habits.leaks] if self._known else []
        in_time = self._rng.randint(0, len(under_way))
        for delta in under_way[:in_time]:
            self._tell(delta)
        self._finish_cancelled(response_id, reason)
        for delta in under_way[in_time:]:
            self._later(LATE_MS, partial(self._tell_late, delta))

    def _tell_late(self, delta: AudioDelta) -> None:
        if self._connected:
            self._tell(delta)

    def _finish_cancelled(self, response_id: str, reason: str) -> None:
        self._steps = deque()
        for item in self.items.values():
            if item.response_id == response_id and item.generated_bytes:
                self._tell(AudioDone(response_id, item.item_id, 0))
        self._tell(ResponseDone(response_id, "cancelled", reason))
