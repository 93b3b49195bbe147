"""
Tokens that a provider is given with a call, and has to bring when it comes back about it.

Each is good once, for the call that it was given with, for as long as that call is under way; so one that leaks opens
nothing else.
"""

import secrets


class CallTokens:
    """Tokens for one purpose."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def issue(self, call_sid: str) -> str:
        """A token for a call."""
        token = secrets.token_urlsafe(24)
        self._calls[token] = call_sid
        return token

    def use(self, token: str, call_sid: str) -> bool:
        """Use a token up; whether it was one, and this call's."""
        return self._calls.pop(token, None) == call_sid

    def forget(self, call_sid: str) -> None:
        """The call is over."""
        self._calls = {token: of_call for token, of_call in self._calls.items() if of_call != call_sid}
