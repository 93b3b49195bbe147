"""
One MCP server, kept open for all calls of the process.

Theory of operation. One task owns the connection, since what the library opens in a task has to be closed in the same:
it opens, lists the tools, and looks on until the connection fails; then it begins again, at first soon and then later
and later, until a server has answered when it was looked at. To look at it is to list the tools again: that is done
when the server says that they have changed, when a call was not answered, and every now and then. A server that does
not answer by then is given up, unless calls keep it busy, which have limits of their own.

Each call is made in a task of its own, so that whoever waits for it can leave at once, while the server is still told
that the answer is not wanted any more. Nobody waits for a server that is not there.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage, MessageHandlerFnT
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import CONNECTION_CLOSED, CallToolResult, Tool, ToolListChangedNotification
from pydantic import ValidationError

from gateway.errors import PeerError, ToolError
from gateway.tools.mcp_results import result_of

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
ANSWERED_WITHIN_S = 5.0
LOOK_EVERY_S = 30.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
CLOSED_WITHIN_S = 2.0
MOST_PAGES = 100
NOT_THERE = "this service cannot be reached at the moment"
BROKEN_OFF = "the connection to this service was lost; whether the request was carried out is not known"

Opens = Callable[[MessageHandlerFnT], AbstractAsyncContextManager[Client]]
"""Connects to a server; what it says unasked goes to the handler."""


class McpConnection:
    """Asks one server, and has it open for that."""

    def __init__(self, name: str, opens: Opens, *, tools: Collection[str], open_within_s: float) -> None:
        """*name* is for the log; of the server's tools only *tools* are of interest."""
        self.name = name
        self.tools: Mapping[str, Tool] = {}
        """What the server has of them, as it was last known."""
        self.offered: frozenset[str] = frozenset()
        """The names of all that it has."""
        self._opens = opens
        self._wanted = frozenset(tools)
        self._open_within_s = open_within_s
        self._client: Client | None = None
        self._tried = asyncio.Event()
        self._look = asyncio.Event()
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._calls: set[asyncio.Task[CallToolResult]] = set()
        self._failures = 0
        self._closed = False
        self._owner: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server can be asked now."""
        return self._client is not None

    async def open(self) -> None:
        """Begin to keep it open, and wait for how the first attempt ends."""
        self._owner = asyncio.create_task(self._keep_open(), name=f"MCP server {self.name}")
        await self._tried.wait()

    async def close(self) -> None:
        """Break off what is under way, and close it for good."""
        self._closed = True
        running: set[asyncio.Task[Any]] = {*self._calls, *([self._owner] if self._owner else [])}
        for task in running:
            task.cancel()
        if running:
            _, left = await asyncio.wait(running, timeout=CLOSED_WITHIN_S)
            for task in left:
                logger.warning("%s does not stop; it is left alone", task.get_name())

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """
        What a tool of the server finds.

        Raises `ToolError` when the tool has failed, or the server is not there or does not answer as it should.
        """
        if self._client is None:
            raise ToolError(NOT_THERE)
        call = asyncio.create_task(self._ask(self._client, tool, arguments), name=f"MCP server {self.name}: {tool}")
        self._calls.add(call)
        call.add_done_callback(self._ended)
        try:
            await asyncio.wait([call])
        finally:
            call.cancel()
        return result_of(call.result())

    def _ended(self, call: asyncio.Task[CallToolResult]) -> None:
        """If it was not answered, the server may not be well."""
        self._calls.discard(call)
        if call.cancelled() or call.exception() is not None:
            self._look.set()

    async def _ask(self, client: Client, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        async with self._slots:
            if client is not self._client:
                raise ToolError(NOT_THERE)
            try:
                return await client.call_tool(tool, arguments)
            except MCPError as error:
                raise ToolError(BROKEN_OFF if error.code == CONNECTION_CLOSED else error.message) from error
            except (ValidationError, RuntimeError) as error:
                logger.warning("the MCP server %s answered %s with nonsense: %s", self.name, tool, type(error).__name__)
                raise ToolError("the service gave an answer that cannot be read") from error

    async def _keep_open(self) -> None:
        while not self._closed:
            try:
                await self._stay_open()
            except Exception as error:  # noqa: BLE001 - a server may fail in any way; the traceback is for DEBUG
                self._note_failure(error)
            self._tried.set()
            if not self._closed:
                await asyncio.sleep(_pause_s(self._failures, random.random()))

    def _note_failure(self, error: Exception) -> None:
        if self._closed:
            return  # the library may turn being cancelled into any error
        self._failures += 1
        logger.log(
            logging.WARNING if self._failures == 1 else logging.DEBUG,
            "the MCP server %s is not there, and is tried again: %s",
            self.name,
            reason(error),
            exc_info=error if logger.isEnabledFor(logging.DEBUG) else None,
        )

    async def _stay_open(self) -> None:
        """Open it, and look on until it fails, which is raised, or is closed."""
        async with AsyncExitStack() as stack:
            async with _answered_within(self._open_within_s):
                client = await stack.enter_async_context(self._opens(self._on_message))
                await self._list(client)
            self._client = client
            stack.callback(self._gone)
            self._tried.set()
            logger.info("the MCP server %s is ready, with %s", self.name, _names(self.tools))
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._follow, client)
                await self._look_on(client)
                beside.cancel_scope.cancel()

    def _gone(self) -> None:
        self._client = None

    async def _look_on(self, client: Client) -> None:
        while not self._closed:
            with anyio.move_on_after(LOOK_EVERY_S):
                await self._look.wait()
            self._look.clear()
            try:
                async with _answered_within(ANSWERED_WITHIN_S):
                    await self._list(client)
                self._failures = 0
            except PeerError:
                if not self._calls:
                    raise

    async def _follow(self, client: Client) -> None:
        """Look when the server says that its tools have changed; older servers say so unasked."""
        with suppress(ListenNotSupportedError, MCPError):
            while True:
                with suppress(SubscriptionLost):
                    async with client.listen(tools_list_changed=True) as changes:
                        async for _ in changes:
                            self._look.set()
                await anyio.sleep(LOOK_EVERY_S)

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._look.set()

    async def _list(self, client: Client) -> None:
        """Learn which tools there are."""
        tools: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools |= {tool.name: tool for tool in page.tools}
            cursor = page.next_cursor
            if cursor is None:
                break
        wanted = {name: tool for name, tool in tools.items() if name in self._wanted}
        if self.is_open and wanted.keys() != self.tools.keys():
            logger.warning("the MCP server %s now has %s", self.name, _names(wanted))
        self.tools, self.offered = wanted, frozenset(tools)


def _names(tools: Collection[str]) -> str:
    return ", ".join(sorted(tools)) or "nothing of use"


def reason(error: BaseException) -> str:
    """
    What went wrong, in one line; what else went wrong while that was cleared up is of no interest.

    >>> reason(ExceptionGroup("in a group", [ValueError("so"), PeerError("it has ended")]))
    'it has ended'
    """
    found = [*_chain(error)]
    telling = [one for one in found if isinstance(one, PeerError | MCPError)]
    single = [one for one in found if not isinstance(one, BaseExceptionGroup)]
    chosen = (telling or single)[0]
    return str(chosen).partition("\n")[0] or type(chosen).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, those in it, and those that it came of."""
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _chain(inner)
    if error.__context__ is not None:
        yield from _chain(error.__context__)


@asynccontextmanager
async def _answered_within(limit_s: float) -> AsyncIterator[None]:
    """Raises `PeerError` when the server does not; what was opened meanwhile may stay open."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise PeerError(f"it does not answer within {limit_s:g} s") from error


def _pause_s(failures: int, chance: float) -> float:
    """
    The pause behind so many failures: half of it, and as much of the other half as *chance*, from 0 to 1, has it.

    >>> [_pause_s(failures, 1.0) for failures in (1, 2, 3, 20)]
    [0.25, 0.5, 1.0, 30.0]
    """
    return min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S) * (1 + chance) / 2
