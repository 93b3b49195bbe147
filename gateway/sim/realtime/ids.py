"""Identifiers, in the form that the service gives them."""

import random
import string

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """An identifier such as `item_` and 21 letters or digits."""
    return f"{prefix}_{''.join(random.choices(ALPHABET, k=21))}"
