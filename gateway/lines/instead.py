"""What is done with a caller instead of answering: turned away, told something, or put through to somebody else."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from gateway.lines.described import Shorthand
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.sip import REFUSALS, Refusal, Target
from gateway.lines.texts import Text

WAYS = ("reject", "message", "forward")
BUSY = "reject"
"""Short for turning callers away as busy."""


class NotAnswering(Section):
    """Ways not to answer, of which one may be gone."""

    reject: Refusal | None = None
    """Turns every caller away: `busy`, `declined`, `unavailable`, or a SIP status from 400 to 699."""
    message: Text | None = None
    """Tells every caller this, and hangs up."""
    forward: Target | None = None
    """Puts every caller through, to a number like `+15550155` or an address like `sip:user@host`."""

    @property
    def way(self) -> str | None:
        """The key of the way that is gone; None for answering."""
        return next((way for way in WAYS if getattr(self, way) is not None), None)

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        others = [way for way in WAYS if getattr(self, way) is not None and way != self.way]
        if others:
            message = f"does not go with `{self.way}`; keep one of the two"
            raise faulty("NotAnswering", [Fault((way,), getattr(self, way), message) for way in others])
        return self


class Instead(NotAnswering):
    """One way not to answer."""

    @model_validator(mode="after")
    def _check_any_way(self) -> Self:
        if self.way is None:
            raise ValueError("says nothing; write `message`, `forward` or `reject`")
        return self


def _word_alone(value: object) -> object:
    return {"reject": "busy"} if isinstance(value, str) and value == BUSY else value


Busy = Annotated[Instead, Shorthand(BeforeValidator(_word_alone), {"const": BUSY})]
"""`reject`, or one way not to answer."""
TURNED_AWAY_AS_BUSY = Instead(reject=REFUSALS["busy"])
