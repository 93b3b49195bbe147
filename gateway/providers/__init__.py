"""
Telephony providers, one dialect per file.

A dialect turns what one provider sends into the events of `gateway.providers.events` and says, in that provider's
words, what the gateway wants of it. To add a provider, write a module with a `Dialect` and name it in `DIALECTS`.
"""

from gateway.providers.dialect import Dialect
from gateway.providers.twilio import Twilio

DIALECTS: dict[str, Dialect] = {"twilio": Twilio()}
"""Every provider by the name under which its routes are served."""

__all__ = ["DIALECTS", "Dialect"]
