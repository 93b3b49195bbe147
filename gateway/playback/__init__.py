"""What the caller has heard: the playback ledger and the clock it reads."""

from gateway.playback.clock import ProviderClock
from gateway.playback.items import BargeIn, Cut, ItemAudio
from gateway.playback.ledger import PlaybackLedger

__all__ = ["BargeIn", "Cut", "ItemAudio", "PlaybackLedger", "ProviderClock"]
