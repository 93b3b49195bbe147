"""A telephony gateway for realtime agents."""

__version__ = "0.1.0"
