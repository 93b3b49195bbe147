"""
`/calls/{call_sid}/conversation`: a call as it goes on, one JSON object a line.

What callers say is nobody's business but the operator's. Where the gateway shares a secret with a provider, a follower
has to show that it has it too; where it does not, only this machine is served, and no one through a tunnel.

`?ledger_ms=500` has what the ledger has changed told as well, at that interval.
"""

import hashlib
import hmac
import json
import re
from ipaddress import ip_address

from aiohttp import web

from gateway.web.gateway import GATEWAY

SIGNATURE_HEADER = "X-Gateway-Signature"
LEDGER_MS = range(100, 10_001)


def signature(secret: str, path: str) -> str:
    """What a follower sends along to show that it has the secret."""
    return hmac.new(secret.encode(), f"follow {path}".encode(), hashlib.sha256).hexdigest()


async def follow(request: web.Request) -> web.StreamResponse:
    """Everything from the beginning of the call, until it is over."""
    gateway = request.app[GATEWAY]
    if not _allowed(request, gateway.auth_token):
        raise web.HTTPForbidden(text="a conversation is shown to this machine, or with a signature\n")
    conversation = gateway.conversations.find(request.match_info["call_sid"])
    if conversation is None:
        raise web.HTTPNotFound(text="no such call; the last hundred are kept\n")
    ledger_ms = _ledger_ms(request)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
    await response.prepare(request)
    async for entry in conversation.follow(ledger_ms=ledger_ms):
        await response.write(json.dumps(entry.as_dict(), ensure_ascii=False).encode() + b"\n")
    return response


def _ledger_ms(request: web.Request) -> int | None:
    found = request.query.get("ledger_ms")
    if found is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", found) or int(found) not in LEDGER_MS:
        expected = f"ledger_ms: expected {LEDGER_MS[0]} to {LEDGER_MS[-1]}, found {found[:20]!r}"
        raise web.HTTPBadRequest(text=f"{expected}\n")
    return int(found)


def _allowed(request: web.Request, secret: str | None) -> bool:
    if secret is not None:
        given = request.headers.get(SIGNATURE_HEADER, "")
        return hmac.compare_digest(given.encode(), signature(secret, request.path).encode())
    return _is_loopback(request.remote or "") and _is_loopback(request.url.host or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
