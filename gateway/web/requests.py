"""Reading a provider's request: its fields, and whether the provider really sent it."""

from urllib.parse import parse_qsl

from aiohttp import web

from gateway.providers import DIALECTS, Dialect
from gateway.providers.dialect import Fields, Signed, collected
from gateway.web.gateway import GATEWAY


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
    """Whether the provider sent this; without a secret nothing is checked, and only loopback is served."""
    gateway = request.app[GATEWAY]
    if gateway.auth_token is None:
        return True
    base = gateway.settings.stream_base if scheme == "ws" else gateway.settings.base_url
    urls = (f"{base}{request.raw_path}",)
    return dialect.is_signed(Signed(request.method, urls, fields, request.headers), gateway.auth_token)
