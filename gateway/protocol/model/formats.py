"""Audio formats in every spelling that people, SDKs and servers use for them."""

from gateway.errors import UserError

PCM, PCMU, PCMA = "audio/pcm", "audio/pcmu", "audio/pcma"
PCM_RATE_HZ = 24000
BYTES_PER_MS = {PCM: 48, PCMU: 8, PCMA: 8}

_SPELLINGS = {
    **dict.fromkeys(("pcm16", "pcm", "audio/pcm", "audio/pcm16", "audio/l16"), PCM),
    **dict.fromkeys(("g711_ulaw", "g711_mulaw", "ulaw", "mulaw", "pcmu", "audio/pcmu"), PCMU),
    **dict.fromkeys(("g711_alaw", "alaw", "pcma", "audio/pcma"), PCMA),
}
_BETA = {PCM: "pcm16", PCMU: "g711_ulaw", PCMA: "g711_alaw"}


def format_name(found: object) -> str:
    """
    The GA name of a format, from a name, a mapping or an object with a `type`.

    >>> format_name("g711_ulaw"), format_name({"type": "audio/pcm", "rate": 24000})
    ('audio/pcmu', 'audio/pcm')
    """
    kind = found.get("type") if isinstance(found, dict) else getattr(found, "type", found)
    name = _SPELLINGS.get(kind.lower().replace("-", "_")) if isinstance(kind, str) else None
    if name is None:
        raise UserError(f"the audio format is {found!r}; expected pcm16, g711_ulaw or g711_alaw")
    return name


def format_object(found: object) -> dict[str, object]:
    """
    The `format` that a GA session takes; only PCM has a rate.

    >>> format_object("pcm16")
    {'type': 'audio/pcm', 'rate': 24000}
    """
    name = format_name(found)
    return {"type": name, "rate": PCM_RATE_HZ} if name == PCM else {"type": name}


def beta_format(found: object) -> str:
    """
    The name that the beta has for a format.

    >>> beta_format({"type": "audio/pcmu"})
    'g711_ulaw'
    """
    return _BETA[format_name(found)]


def bytes_per_ms(name: str) -> int:
    """How many bytes last 1 ms; PCM's for what is not known, since servers speak it unless told otherwise."""
    return BYTES_PER_MS.get(name, BYTES_PER_MS[PCM])
