"""What is known of a call when one of its tools runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.lines.templates import CALL_VARIABLES, Values


def call_variables(context: object) -> Values:
    """Out of what the run of an agent belongs to, as of now; what a talk without a phone lacks is None."""
    known: dict[str, object] = {name: getattr(context, name, None) for name in CALL_VARIABLES}
    return known | {"now": datetime.now().astimezone().isoformat(timespec="seconds")}


@dataclass(frozen=True, slots=True)
class Variables:
    """Values that are the call's and not the model's."""

    names: frozenset[str] = CALL_VARIABLES
    """Those that there are."""
    read: Callable[[object], Values] = call_variables
    """Finds all of them in what the run of an agent belongs to."""
