"""What the caller has heard: the playback ledger and the clock it reads."""

from gateway.playback.clock import ProviderClock
from gateway.playback.ledger import BargeIn, Cut, ItemAudio, PlaybackLedger

__all__ = ["BargeIn", "Cut", "ItemAudio", "PlaybackLedger", "ProviderClock"]
