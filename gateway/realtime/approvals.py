"""Calls of tools that somebody has to agree to."""

import asyncio
from dataclasses import dataclass

from gateway.errors import UserError


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may be made."""

    approved: bool
    message: str | None = None
    """What the model is told of a refusal, if whoever refused has words of their own."""


class Approvals:
    """Calls that wait for a verdict, and verdicts that hold for every call of a tool."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, asyncio.Future[Verdict]]] = {}
        self._standing: dict[str, Verdict] = {}

    def standing(self, tool_name: str) -> Verdict | None:
        """The verdict that holds for every call of a tool, if there is one."""
        return self._standing.get(tool_name)

    async def verdict(self, call_id: str, tool_name: str) -> Verdict:
        """Wait for somebody to decide."""
        decided: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = (tool_name, decided)
        try:
            return await decided
        finally:
            del self._waiting[call_id]

    def decide(self, call_id: str, verdict: Verdict, *, always: bool) -> None:
        """
        Decide on a call that waits, and *always* on all of this tool that wait or will come.

        Raises `UserError` when no such call waits.
        """
        if call_id not in self._waiting:
            raise UserError(f"no call {call_id!r} waits to be approved; there wait {sorted(self._waiting)}")
        tool_name = self._waiting[call_id][0]
        if always:
            self._standing[tool_name] = verdict
        for waiting_id, (waiting_name, decided) in self._waiting.items():
            if (waiting_id == call_id or (always and waiting_name == tool_name)) and not decided.done():
                decided.set_result(verdict)
