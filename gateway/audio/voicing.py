"""
Is this frame someone's voice, or a cough, a bang, a hiss?

Vocal cords open and close 70 to 400 times a second, so a voiced frame is much like the sound one period before it.
Noise is like nothing that went before.
"""

import audioop

from gateway.audio.pcm import FRAME_SAMPLES, coherence

LONGEST_PERIOD = 114
"""Samples: 70 Hz."""
SHORTEST_PERIOD = 20
"""Samples: 400 Hz."""
HISTORY_SAMPLES = FRAME_SAMPLES + LONGEST_PERIOD
VOICED_COHERENCE = 0.4
"""Of noise as narrow as a formant it is 0.2 at most, of a vowel on a good line 0.8."""


def is_voiced(pcm: bytes) -> bool:
    """Whether the last 20 ms of *pcm* repeat, at the pitch of a voice, what was before; that takes 15 ms more."""
    if len(pcm) < 2 * HISTORY_SAMPLES:
        return False
    frame = pcm[-2 * FRAME_SAMPLES :]
    # Silence would be divided by its energy, which is why none is left.
    before = audioop.bias(pcm[-2 * HISTORY_SAMPLES : -2 * SHORTEST_PERIOD], 2, 1)
    offset, factor = audioop.findfit(before, frame)
    period_before = before[2 * offset : 2 * (offset + FRAME_SAMPLES)]
    return factor > 0 and coherence(period_before, frame) > VOICED_COHERENCE
