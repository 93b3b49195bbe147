"""
Guardrails that line files describe, made into checks of what an agent says.

Words and patterns are looked for on the spot, which takes no longer than telling somebody to. Functions run in a
thread, and services are asked like those of tools: with the same care for where a request goes.
"""

import json
from collections.abc import Callable
from typing import Any, TypeGuard

from gateway.errors import ConfigError
from gateway.lines.guardrails import Guardrail, HttpCheck, Patterns, Phrases, PythonCheck
from gateway.lines.places import Place
from gateway.lines.problems import LinesError
from gateway.lines.tools.http import HttpTool
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.guardrails import GuardrailFunctionOutput, OutputGuardrail
from gateway.realtime.run_context import RunContextWrapper, ToolContext, settled
from gateway.realtime.threads import in_thread
from gateway.tools.http import http_tool
from gateway.tools.http_client import HttpClient
from gateway.tools.imports import imported
from gateway.tools.secrets import Secrets
from gateway.tools.variables import Variables


def guardrail(
    spec: Guardrail, place: Place, client: HttpClient, secrets: Secrets, variables: Variables
) -> OutputGuardrail:
    """
    Make what *spec*, which stands at *place*, describes.

    Raises `LinesError` when that cannot be done.
    """
    try:
        match spec:
            case Phrases() | Patterns():
                return _looking(spec)
            case PythonCheck():
                return _calling(spec)
            case HttpCheck():
                return _asking(spec, client, secrets, variables)
    except ConfigError as error:
        raise LinesError([place.problem(str(error))]) from error


def _looking(spec: Phrases | Patterns) -> OutputGuardrail:
    async def look(context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, spec.trips(text))

    return OutputGuardrail(look, spec.known_as, spec.say)


def _calling(spec: PythonCheck) -> OutputGuardrail:
    function = imported(spec.function, thing="function", fits=_is_function)

    async def call(context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str) -> GuardrailFunctionOutput:
        found = await settled(await in_thread(function, text))
        return GuardrailFunctionOutput(found, bool(found))

    return OutputGuardrail(call, spec.known_as, spec.say)


def _is_function(found: object) -> TypeGuard[Callable[[str], object]]:
    return callable(found) and not isinstance(found, type)


def _asking(spec: HttpCheck, client: HttpClient, secrets: Secrets, variables: Variables) -> OutputGuardrail:
    tool = http_tool(_as_tool(spec), client, secrets, variables)

    async def ask(context: RunContextWrapper[Any], agent: RealtimeAgent[Any], text: str) -> GuardrailFunctionOutput:
        said = json.dumps({"text": text})
        asked = ToolContext(
            context=context.context, tool_name=tool.name, tool_call_id="", tool_arguments=said, agent=agent
        )
        answer = (await tool.on_invoke_tool(asked, said))["result"]
        return GuardrailFunctionOutput(answer, isinstance(answer, dict) and answer.get("tripped") is True)

    return OutputGuardrail(ask, spec.known_as, spec.say)


def _as_tool(spec: HttpCheck) -> HttpTool:
    """A service that is asked by us and not by a model."""
    return HttpTool.model_validate(
        {
            "name": spec.known_as,
            "description": "A check of what the agent says.",
            "parameters": {"text": "string"},
            "method": "POST",
            "url": spec.url,
            "headers": spec.headers,
            "auth": spec.auth,
            "body": {"text": "{{text}}", "line": "{{line}}", "call_sid": "{{call_sid}}"},
            "timeout_s": spec.timeout_s,
            "allow_hosts": spec.allow_hosts,
            "allow_private": spec.allow_private,
        }
    )
