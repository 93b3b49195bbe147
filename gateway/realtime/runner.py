"""Runs agents: each run is a session of its own."""

from typing import Any

from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.config import RealtimeRunConfig
from gateway.realtime.model import RealtimeModel, RealtimeModelConfig
from gateway.realtime.openai_model import OpenAIRealtimeWebSocketModel
from gateway.realtime.session import RealtimeSession


class RealtimeRunner:
    """Has an agent begin conversations."""

    def __init__(
        self,
        starting_agent: RealtimeAgent[Any],
        *,
        model: RealtimeModel | None = None,
        config: RealtimeRunConfig | None = None,
    ) -> None:
        """Without a *model*, each run has one of its own, over a WebSocket; a given one holds one session at a time."""
        self._starting_agent = starting_agent
        self._model = model
        self._config = config

    async def run(self, *, context: Any = None, model_config: RealtimeModelConfig | None = None) -> RealtimeSession:
        """A session, to be entered."""
        model = self._model or OpenAIRealtimeWebSocketModel()
        return RealtimeSession(model, self._starting_agent, context, model_config, self._config)
