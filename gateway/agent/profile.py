"""An agent as the model and the call know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """Who speaks, what the model is told of it, and what it can do."""

    name: str = ""
    instructions: str = ""
    """Resolved: whoever made the profile has asked what had to be asked."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Functions that the model may call, handoffs among them, as the realtime API describes them."""
    handoffs: Mapping[str, str] = field(default_factory=dict)
    """Which of these tools hand over, and to which agent."""
    fillers: Mapping[str, str] = field(default_factory=dict)
    """What is said while these tools run, if they take long."""
    guarded: bool = False
    """Whether what it says is checked."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """What is said in place of what these guardrails have cut."""

    def knows(self, tool: str) -> bool:
        """Whether it has a tool of that name."""
        return any(known.get("name") == tool for known in self.tools)
