"""
`POST /calls/{call_sid}/tools/{call_id}/{decision}`: an operator approves of a tool that waits for that, or rejects it.
"""

from aiohttp import web

from gateway.errors import UserError
from gateway.realtime.hands import AgentHands
from gateway.web.gateway import GATEWAY, json_response
from gateway.web.operators import check_operator

MESSAGE_LIMIT = 2_000


async def decide(request: web.Request) -> web.Response:
    """With `?always=1` for every call of this tool; what is posted with a rejection is told to the model."""
    check_operator(request)
    call = request.app[GATEWAY].calls.find(request.match_info["call_sid"])
    if call is None:
        raise web.HTTPNotFound(text="no such call is under way\n")
    try:
        _decide(call.hands, request, (await request.text())[:MESSAGE_LIMIT])
    except UserError as error:
        raise web.HTTPConflict(text=f"{error}\n") from error
    return json_response({"decided": request.match_info["decision"]})


def _decide(hands: AgentHands, request: web.Request, message: str) -> None:
    call_id, always = request.match_info["call_id"], request.query.get("always") == "1"
    if request.match_info["decision"] == "approve":
        hands.approve(call_id, always=always)
    else:
        hands.reject(call_id, always=always, message=message or None)
