"""Names of marks: `e<epoch>.<ordinal>`, unique for the life of a stream."""


def mark_name(epoch: int, ordinal: int) -> str:
    """
    Name of a mark.

    >>> mark_name(7, 123)
    'e7.123'
    """
    return f"e{epoch}.{ordinal}"


def parse_mark_name(name: str) -> tuple[int, int] | None:
    """
    Epoch and ordinal of one of our marks, None for anything else.

    >>> parse_mark_name("e7.123"), parse_mark_name("hello")
    ((7, 123), None)
    """
    epoch, dot, ordinal = name[1:].partition(".")
    if not (name[:1] == "e" and dot and epoch.isdecimal() and ordinal.isdecimal() and len(name) <= 40):
        return None
    return int(epoch), int(ordinal)
