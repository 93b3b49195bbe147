"""
Tools that ask a service over HTTP.

What came back is data. The model is told `{"result": …}` and nothing beside it: whatever a service answers is a value
in there, so that no answer can pass for an error of ours, for another tool's, or for anything but what it is. JSON
stays JSON, other text is a string, and what is too long is cut and marked, all within what a tool may say at most.

What went wrong the model is told in a few words of our own; the operator finds the rest in the log. Neither sees an
address with values in it, a header or a body.
"""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4, uuid5

from gateway.errors import ConfigError, PeerError, ToolError
from gateway.lines.section import Fault
from gateway.lines.templates import Values
from gateway.lines.tools.http import HttpTool
from gateway.lines.tools.parameters import Json, arguments_adapter, parameters_schema
from gateway.lines.yaml_source import dotted
from gateway.realtime.function_schema import read_json
from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool
from gateway.tools.addresses import as_address, refusal
from gateway.tools.http_client import HttpClient, UnansweredError
from gateway.tools.http_message import HttpAnswer, HttpRequest, NotAllowedError
from gateway.tools.http_request import RequestMaker
from gateway.tools.http_result import result_of
from gateway.tools.secrets import Secrets
from gateway.tools.variables import Variables

logger = logging.getLogger(__name__)

GRACE_S = 1.0
"""How much later than the request the call of the tool runs out of time, which says less."""
_SAFE = frozenset({"GET", "HEAD"})
_KEYS = UUID("5b0d3c1e-6f0f-4d5a-9f5e-1f6b0a2a7c11")


def http_tool(spec: HttpTool, client: HttpClient, secrets: Secrets, variables: Variables) -> FunctionTool:
    """
    Make of what a line file says a function that a model may call.

    Raises `ConfigError` for a secret that is missing, for gaps that nothing fills, and for an address out of reach.
    """
    if faults := [*spec.faults(variables.names), *_out_of_reach(spec)]:
        raise ConfigError("\n".join(f"{spec.name}: {dotted(fault.path)}: {fault.message}" for fault in faults))
    service = _Service(spec, client, RequestMaker(spec, secrets), variables)
    return FunctionTool(
        name=spec.name,
        description=spec.description.strip(),
        params_json_schema=parameters_schema(spec.parameters),
        on_invoke_tool=service.call,
        needs_approval=spec.approve == "always",
        timeout_seconds=spec.timeout_s + GRACE_S,
    )


class _Service:
    """What a tool asks."""

    def __init__(self, spec: HttpTool, client: HttpClient, requests: RequestMaker, variables: Variables) -> None:
        self._spec = spec
        self._client = client
        self._requests = requests
        self._variables = variables
        self._adapter = arguments_adapter(spec.parameters)

    async def call(self, context: ToolContext[Any], arguments: str) -> Json:
        """Ask once, with what the model says."""
        known = self._variables.read(context.context)
        said = read_json(self._adapter, arguments)
        values = {**dict.fromkeys(self._spec.parameters), **said, **known}
        answer = await self._ask(self._requests.make(values, _key(known, context)))
        if not 200 <= answer.status < 300:
            self._warn(f"answered {answer.status}")
            raise ToolError(f"the service behind {self._spec.name} answered {answer.status}")
        try:
            return result_of(answer, self._spec.response)
        except ToolError as error:
            self._warn(str(error))
            raise ToolError(f"the service behind {self._spec.name} cannot be understood: {error}") from error

    async def _ask(self, request: HttpRequest) -> HttpAnswer:
        name = self._spec.name
        try:
            return await self._client.ask(request, within_s=self._spec.timeout_s)
        except NotAllowedError as error:
            self._warn(f"was blocked: {error}")
            raise ToolError(f"{name} may not ask there") from error
        except UnansweredError as error:
            self._warn(str(error))
            doubt = "" if request.method in _SAFE else "; whether it did what it was asked to do is not known"
            raise ToolError(f"the service behind {name} did not answer{doubt}") from error
        except PeerError as error:
            self._warn(str(error))
            raise ToolError(f"the service behind {name} cannot be reached; nothing was done") from error

    def _warn(self, what: str) -> None:
        logger.warning("the tool %s, %s %s: %s", self._spec.name, self._spec.method, self._spec.url.text, what)


def _out_of_reach(spec: HttpTool) -> Iterator[Fault]:
    """An address that is written as a number need not wait for a call to be refused."""
    fixed = spec.url.fixed
    address = as_address(fixed.host) if fixed else None
    if fixed and address and (why := refusal(address, spec.allow_private)):
        yield Fault(("url",), fixed.host, f"{fixed.host} {why}; networks of your own are named in `allow_private`")


def _key(known: Values, context: ToolContext[Any]) -> str:
    """Names one call of a tool for the service: the same whenever it is made again, and no other's."""
    call_sid = known.get("call_sid")
    if not call_sid:
        return str(uuid4())
    return str(uuid5(_KEYS, f"{call_sid}\n{context.tool_name}\n{context.tool_call_id}"))
