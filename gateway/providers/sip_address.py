"""
Numbers and names out of SIP headers.

A header such as `To` holds an address: a URI, perhaps in angle brackets behind a name, and parameters. What matters of
it is who is meant: the number of a `sip:` or `tel:` URI without what only structures it, or the user as it is written.
Whoever calls writes these headers, so nothing in them is believed, and none is read at any length.

https://www.rfc-editor.org/rfc/rfc3261#section-20.10, https://www.rfc-editor.org/rfc/rfc3966#section-3
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

_READ_CHARACTERS = 1024
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_BRACKETED = re.compile(r"<([^<>]*)>")
_PARAMETERS = re.compile(r"[;,].*", re.DOTALL)
_SCHEME = re.compile(r"\s*(?:(sips?|tel):)?(.*)", re.IGNORECASE | re.DOTALL)
_ENDS_USER = re.compile("[:;?]")
_SEPARATED_NUMBER = re.compile(r"\+?[0-9][0-9().\- ]*")
_SEPARATORS = re.compile(r"[().\- ]")
_GLOBAL_NUMBER = re.compile(r"[1-9][0-9]{7,14}")


def users(value: str) -> Iterator[str]:
    """
    Whom the addresses in a header mean; one that means nobody is left out.

    >>> list(users('"Ann, 2nd floor" <sip:+15550199@trunk.example;user=phone>;tag=1'))
    ['+15550199']
    >>> list(users("tel:+1-555-0199;phone-context=x")), list(users("<sip:proj_1@api.example>, <sip:api.example>"))
    (['+15550199'], ['proj_1'])
    """
    value = _QUOTED.sub("", value[:_READ_CHARACTERS])
    uris = _BRACKETED.findall(value) or [_PARAMETERS.sub("", value)]
    yield from filter(None, map(_user, uris))


def e164(user: str) -> str:
    """
    How lines would write a number that a trunk wrote without its plus; what is none stays as it is.

    >>> [e164(user) for user in ("15550199", "0015550199", "+15550199", "1001", "proj_1")]
    ['+15550199', '+15550199', '+15550199', '1001', 'proj_1']
    """
    digits = user.removeprefix("00")
    return f"+{digits}" if _GLOBAL_NUMBER.fullmatch(digits) else user


def _user(uri: str) -> str:
    match = _SCHEME.match(uri)
    assert match is not None, "every part of it is optional"
    scheme, rest = match.groups()
    user, at, _ = rest.partition("@")
    if scheme and scheme.lower() != "tel" and not at:
        return ""
    user = unquote(_ENDS_USER.split(user, maxsplit=1)[0]).strip()
    if _SEPARATED_NUMBER.fullmatch(user):
        return _SEPARATORS.sub("", user)
    return user if at and user.isprintable() else ""
