"""
`/calls/{call_sid}/conversation`: a call as it goes on, one JSON object a line.

`?ledger_ms=500` has what the ledger has changed told as well, at that interval.
"""

import json
import re

from aiohttp import web

from gateway.web.gateway import GATEWAY
from gateway.web.operators import check_operator

LEDGER_MS = range(100, 10_001)


async def follow(request: web.Request) -> web.StreamResponse:
    """Everything from the beginning of the call, until it is over."""
    gateway = request.app[GATEWAY]
    check_operator(request)
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
