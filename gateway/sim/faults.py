"""What can go wrong with a phone company, one knob each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhoneFaults:
    """How this phone departs from what Twilio documents; by default it does not."""

    no_marks: bool = False
    """Send back no mark at all."""
    drop_flushed_marks: bool = False
    """Send back no mark whose audio was cleared."""
    lose_mark_every: int = 0
    """Of so many marks, lose one."""
    double_marks: bool = False
    """Send every mark back twice."""
    mark_delay_ms: float = 0
    """Send every mark back so much later than due."""

    no_start: bool = False
    """Connect, and never say what stream this is."""
    early_media_frames: int = 0
    """Send so many frames of media before `start`."""
    wrong_auth_token: bool = False
    """Sign every request with another account's token."""
    wrong_parameters: bool = False
    """Alter the value of every `<Parameter>`."""

    garbage_every: int = 0
    """After so many frames of media, send one that means nothing."""
    gap_at_ms: float = 0
    gap_ms: float = 0
    """From `gap_at_ms` on, send no media for so long; what the caller says meanwhile is lost."""

    stop_without_close: bool = False
    """Say `stop` when the caller hangs up, and leave the socket open."""
    close_without_stop: bool = False
    """Close the socket when the caller hangs up, without a word."""
