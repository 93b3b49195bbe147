"""
A server of tools from before 2026, which writes its own JSON: it shakes hands, lists in pages, and says things unasked.

It is run as a program, and spoken to over its standard input.
"""

import json
import os
import signal
import sys
import time
from typing import Any

TOOLS: list[dict[str, Any]] = [
    {"name": name, "description": name, "inputSchema": {"type": "object"}}
    for name in ("count", "menu", "remodel", "environment", "place", "hang", "babble", "flood")
]


def say(**message: object) -> None:
    """Tell the client."""
    write(json.dumps({"jsonrpc": "2.0", **message}))


def write(line: str) -> None:
    """Write a line, be it a message or not."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def page(cursor: str | None) -> dict[str, Any]:
    """Two tools at a time."""
    at = int(cursor or 0)
    more = {"nextCursor": str(at + 2)} if at + 2 < len(TOOLS) else {}
    return {"tools": TOOLS[at : at + 2], **more}


def call(name: str) -> str:
    """Run a tool."""
    match name:
        case "environment":
            return json.dumps(dict(os.environ))
        case "place":
            return json.dumps({"pid": os.getpid(), "cwd": str(os.getcwd())})
        case "remodel":
            TOOLS[:2] = [{"name": "count", "description": "Have eggs counted.", "inputSchema": {"type": "object"}}]
            say(method="notifications/tools/list_changed")
        case "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            sys.stderr.write("deaf from now on\n")
            sys.stderr.flush()
            while True:
                time.sleep(3600)
        case "babble":
            write("this is no message")
            sys.stderr.write("x" * 10_000_000 + "\nenough\n")
            sys.stderr.flush()
        case "flood":
            write("x" * 10_000_000)
    return "done"


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """What a request comes to."""
    match method:
        case "initialize":
            info = {"name": "old kitchen", "version": "1"}
            capabilities = {"tools": {"listChanged": True}}
            return {"protocolVersion": params["protocolVersion"], "capabilities": capabilities, "serverInfo": info}
        case "tools/list":
            return page(params.get("cursor"))
        case "tools/call":
            return {"content": [{"type": "text", "text": call(params["name"])}]}
        case _:
            return None


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request and (result := answer(request["method"], request.get("params", {}))) is not None:
            say(id=request["id"], result=result)
        elif "id" in request:
            say(id=request["id"], error={"code": -32601, "message": "there is no such method"})
