"""Reading a provider's request: its fields, and whether the provider really sent it."""

import logging
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.providers import DIALECTS, Dialect
from gateway.providers.dialect import Fields, Signed, collected
from gateway.web.gateway import GATEWAY

logger = logging.getLogger(__name__)


def dialect_of(request: web.Request) -> Dialect:
    """The dialect that the route names; 404 for a provider that is not known."""
    dialect = DIALECTS.get(request.match_info["provider"])
    if dialect is None:
        raise web.HTTPNotFound(text=f"no such provider; known are: {', '.join(DIALECTS)}\n")
    return dialect


async def fields_of(request: web.Request) -> Fields:
    """Form fields of a POST, query fields of a GET; 413 over the limit, 400 when it is no text."""
    if request.method == "GET":
        return collected(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
    body = await request.read()
    try:
        return collected(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the form cannot be read: {error}\n") from error


def is_signed(request: web.Request, dialect: Dialect, fields: Fields, *, scheme: str) -> bool:
    """Whether the provider sent this; without a secret nothing is checked, and nobody is served but this machine."""
    gateway = request.app[GATEWAY]
    if gateway.auth_token is None:
        return not gateway.settings.exposed
    base = gateway.settings.stream_base if scheme == "ws" else gateway.settings.base_url
    urls = (f"{base}{request.raw_path}",)
    return dialect.is_signed(Signed(request.method, urls, fields, request.headers), gateway.auth_token)


def forbidden(request: web.Request) -> web.HTTPForbidden:
    """What a request is answered with that the provider did not sign."""
    base = request.app[GATEWAY].settings.base_url
    logger.warning(
        "bad signature on %s; GATEWAY_PUBLIC_URL is %s: is that what the provider calls?", request.path, base
    )
    return web.HTTPForbidden(text="the signature does not match\n")


def xml_response(text: str, *, status: int = 200) -> web.Response:
    """What a provider is told to do with a call."""
    return web.Response(text=text, status=status, content_type="text/xml", charset="utf-8")
