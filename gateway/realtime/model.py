"""What every realtime model is to its users: something to connect, to listen to, and to send to."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TypedDict

from gateway.protocol.model.events import RealtimeModelEvent
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.protocol.model.outbox import Dialect
from gateway.protocol.model.playback import RealtimePlaybackTracker
from gateway.protocol.model.settings import RealtimeSessionModelSettings

ApiKey = str | Callable[[], str | Awaitable[str]]


class RealtimeModelConfig(TypedDict, total=False):
    """How a model is connected."""

    api_key: ApiKey
    """A key, or what answers with one; without it, the environment's `OPENAI_API_KEY`."""
    url: str
    """Another address than OpenAI's; its query is kept."""
    headers: Mapping[str, str]
    """Sent as they are; no Authorization is added, so that another scheme, such as Azure's `api-key`, works."""
    initial_model_settings: RealtimeSessionModelSettings
    playback_tracker: RealtimePlaybackTracker
    """For those who play audio themselves; without it, audio is taken to be played at real time as it comes."""
    call_id: str
    """A call to attach to; its model, its formats and its audio are settled."""
    dialect: Dialect
    """`ga` or `beta`; without it, the server's is found out from how it opens the session."""


class RealtimeModelListener(ABC):
    """Hears of everything that happens with a model, in order, one event at a time."""

    @abstractmethod
    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Something happened."""


class RealtimeModel(ABC):
    """A session with a realtime model."""

    @abstractmethod
    async def connect(self, options: RealtimeModelConfig) -> None:
        """Open the session, and have it set up; from here on listeners are told."""

    @abstractmethod
    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* too."""

    @abstractmethod
    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* no more."""

    @abstractmethod
    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Ask something of the model."""

    @abstractmethod
    async def close(self) -> None:
        """End the session; nothing is told after that, and the model may be connected again."""
