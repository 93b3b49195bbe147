"""Where a session is opened, and what is shown at the door."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from gateway.errors import ConfigError, UserError
from gateway.protocol.model.outbox import Json
from gateway.protocol.model.session_object import session_object
from gateway.protocol.session import session_url
from gateway.realtime.model import ApiKey, RealtimeModelConfig

OPENAI_URL = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime"
KEY_VARIABLE = "OPENAI_API_KEY"
BETA_HEADER = {"OpenAI-Beta": "realtime=v1"}
"""Servers that know no other dialect may want it; the one that knows GA turns away whoever shows it."""


@dataclass(frozen=True, slots=True)
class Address:
    """All that is settled before a connection is made."""

    url: str
    headers: Mapping[str, str]
    initial: Json
    """The session to ask for."""
    attached: bool
    """Whether it belongs to a call."""


async def address(options: RealtimeModelConfig) -> Address:
    """
    Settle where to connect, and with what.

    Raises `UserError` for options that contradict each other, or lack a key.
    """
    settings = options.get("initial_model_settings") or {}
    url, call_id = options.get("url") or OPENAI_URL, options.get("call_id")
    if call_id is not None and settings.get("model_name"):
        raise UserError(
            f"both call_id={call_id!r} and model_name={settings.get('model_name')!r} are given; "
            "the model of a call was fixed when it was accepted"
        )
    attached = call_id is not None or "call_id" in _query(url)
    return Address(
        url=_session_url(url, settings.get("model_name"), call_id),
        headers=await _headers(options),
        initial=session_object(settings, attached=attached),
        attached=attached,
    )


def _session_url(url: str, model: str | None, call_id: str | None) -> str:
    """A url that names its model keeps it unless the settings name one."""
    named = _query(url)
    try:
        if call_id is not None:
            return session_url(url, call_id=call_id)
        if model is None and "call_id" in named:
            return session_url(url, call_id=named["call_id"][-1])
        if "deployment" in named:
            model = model or named["deployment"][-1]
        return session_url(url, model=model or named.get("model", [DEFAULT_MODEL])[-1])
    except ConfigError as error:
        raise UserError(str(error)) from error


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


async def _headers(options: RealtimeModelConfig) -> Mapping[str, str]:
    headers = options.get("headers")
    if headers is None:
        headers = {"Authorization": f"Bearer {await _key(options.get('api_key'))}"}
    return {**BETA_HEADER, **headers} if options.get("dialect") == "beta" else dict(headers)


async def _key(given: ApiKey | None) -> str:
    found = given() if callable(given) else given if given is not None else os.environ.get(KEY_VARIABLE)
    key = await found if inspect.isawaitable(found) else found
    if not key:
        raise UserError(
            f"there is no key; expected api_key or headers in the options, or {KEY_VARIABLE} in the environment"
        )
    return key
