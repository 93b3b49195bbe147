"""Errors that bear the number under which Twilio would have logged them."""

from gateway.errors import PeerError, RemoteProtocolError

STREAM_UNREACHABLE = 31902
HANDSHAKE_REFUSED = 31920
AUDIO_DISCARDED = 31931
NO_MESSAGE = 31950
"""Binary frames, and text that is not JSON."""
WRONG_MESSAGE = 31951
"""JSON that is no message of a media stream."""


class RequestError(PeerError):
    """An application did not answer, or refused."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why


class AnswerError(RemoteProtocolError):
    """An application answered with something that is not TwiML, or not allowed in it."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why
