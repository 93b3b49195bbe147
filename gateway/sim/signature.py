"""
The `X-Twilio-Signature` of a request: proof that it comes from someone who knows the auth token.

What is signed is the URL as written, followed by each form field's name and value, sorted by name.
The handshake of a media stream is signed over its `wss` URL alone.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

HEADER = "X-Twilio-Signature"


def sign(auth_token: str, url: str, form: Mapping[str, str] | None = None) -> str:
    """
    Sign a request to *url*, with the fields of its body if it is a POST.

    >>> sign("tok_example_0123456789", "wss://gw.example.com/media/twilio")
    'QmNxyEzb6PkNZpWOAzmmICITknQ='
    """
    text = url + "".join(name + value for name, value in sorted((form or {}).items()))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
