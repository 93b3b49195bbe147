"""The line that the log ends a call with."""

import logging
import time

from gateway.call import Call, Command, Event
from gateway.call.commands import NoteEnded
from gateway.call.sip_call import SipCall
from gateway.costs import CallCost

logger = logging.getLogger(__name__)


class CallLog:
    """Says in one line how a call ended."""

    def __init__(self, call: Call | SipCall, cost: CallCost, config_sha: str) -> None:
        """*config_sha* says with which configuration the call began."""
        self._call = call
        self._config_sha = config_sha
        self._cost = cost
        self._began_s = time.monotonic()

    def event(self, event: Event) -> None:
        """Events are not logged."""

    def command(self, command: Command) -> None:
        """Log the end."""
        if isinstance(command, NoteEnded):
            logger.info(
                "call ended  duration_ms=%d result=%s reason=%s barge_ins=%d%s%s",
                (time.monotonic() - self._began_s) * 1000,
                command.result,
                command.reason,
                self._call.barge_ins,
                f" cost={self._cost.total}" if self._cost.total else "",
                f" config={self._config_sha}" if self._config_sha else "",
            )
