"""Names of things in Python, as line files write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from gateway.lines.described import Described, text_like
from gateway.lines.scalars import shown

PYTHON_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _check_python_name(text: str) -> str:
    if not PYTHON_NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} names nothing in Python; write module:name, like bakery:front_desk")
    return text


PythonName = Annotated[str, Described(AfterValidator(_check_python_name), text_like(PYTHON_NAME.pattern))]
"""Something in a module, as `module:name`."""
