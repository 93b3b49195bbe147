"""
Logs: a line of text or of JSON for each record, and the call it belongs to.

The call's identifier comes from a context variable, set when the stream starts, so that no message mentions it.
Audio, transcripts and keys are never logged.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

call_sid: ContextVar[str] = ContextVar("call_sid", default="-")


class _CallFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.call_sid = call_sid.get()
        return True


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "call_sid": call_sid.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, form: Literal["text", "json"]) -> None:
    """Send everything from *level* up to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_CallFilter())
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(call_sid)s %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in ("asyncio", "httpcore2", "httpx2", "mcp", "websockets"):
        logging.getLogger(library).setLevel(logging.WARNING)
