"""
The bill of a response.

The input is counted anew in every turn: one token for 100 ms of the caller, one for 50 ms of the agent, one
for about four characters of text. What earlier responses have read counts as cached, in blocks of 64.
"""

import json
import math
from collections.abc import Iterable

from gateway.sim.realtime.items import Item, Part
from gateway.sim.realtime.turn import Json

CALLER_TOKEN_MS = 100
AGENT_TOKEN_MS = 50
CACHE_BLOCK_TOKENS = 64
CHARACTERS_PER_TOKEN = 4


def response_usage(instructions: str, context: Iterable[Item], output: Iterable[Item], *, cached_tokens: int) -> Json:
    """What a response read and wrote, in tokens."""
    text_in, audio_in = _tokens(context)
    text_in += text_tokens(instructions)
    text_out, audio_out = _tokens(output, spoken_words=True)
    total_in, total_out = text_in + audio_in, text_out + audio_out
    return {
        "total_tokens": total_in + total_out,
        "input_tokens": total_in,
        "output_tokens": total_out,
        "input_token_details": _input_details(text_in, audio_in, min(cached_tokens, total_in)),
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def transcription_usage(model: str, audio_ms: int, transcript: str) -> Json:
    """What writing down *audio_ms* of the caller costs; some models bill by the second."""
    if not model.startswith("gpt-4o"):
        return {"type": "duration", "seconds": audio_ms / 1000}
    audio, text = audio_ms // CALLER_TOKEN_MS, text_tokens(transcript)
    details = {"text_tokens": 0, "audio_tokens": audio}
    total = {"total_tokens": audio + text, "input_tokens": audio, "output_tokens": text}
    return {"type": "tokens", **total, "input_token_details": details}


def text_tokens(text: str) -> int:
    """
    About how many tokens *text* has.

    >>> text_tokens("Hello there")
    3
    """
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _input_details(text: int, audio: int, cached: int) -> Json:
    cached -= cached % CACHE_BLOCK_TOKENS
    cached_text = min(cached, text)
    return {
        "text_tokens": text,
        "audio_tokens": audio,
        "image_tokens": 0,
        "cached_tokens": cached,
        "cached_tokens_details": {
            "text_tokens": cached_text,
            "audio_tokens": cached - cached_text,
            "image_tokens": 0,
        },
    }


def _tokens(items: Iterable[Item], *, spoken_words: bool = False) -> tuple[int, int]:
    text = audio = 0
    for item in items:
        text += text_tokens(json.dumps(item.fields)) if item.fields else 0
        audio += sum(_audio_tokens(part, generated=spoken_words) for part in item.parts)
        text += sum(text_tokens(part.text) for part in item.parts if spoken_words or not part.format)
    return text, audio


def _audio_tokens(part: Part, *, generated: bool) -> int:
    if part.kind == "input_audio":
        return part.audio_ms // CALLER_TOKEN_MS
    return (part.generated_ms if generated else part.audio_ms) // AGENT_TOKEN_MS
