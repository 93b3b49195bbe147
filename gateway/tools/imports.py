"""Things in Python that line files name: in the folder of the configuration, or anywhere else where Python looks."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeGuard, TypeVar

from gateway.errors import ConfigError
from gateway.lines.wording import did_you_mean

T = TypeVar("T")


def look_in(folder: Path) -> None:
    """Have modules looked for in *folder* first."""
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))


def imported(reference: str, *, thing: str, fits: Callable[[object], TypeGuard[T]]) -> T:
    """
    What *reference*, which is `module:name`, stands for; it has to be a *thing*, as *fits* tells.

    Raises `ConfigError` when it is not there, is something else, or its module fails.
    """
    module_name, _, name = reference.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:
        what = f"cannot be imported: {type(error).__name__}: {error}"
        raise ConfigError(f"{what}; look for the module in the folder of the lines") from error
    found = getattr(module, name, None)
    if fits(found):
        return found
    known = [known for known, value in vars(module).items() if fits(value) and not known.startswith("_")]
    hint = did_you_mean(name, known) if known else f"{module_name} has no {thing}"
    raise ConfigError(f"`{name}` is {'not there' if found is None else f'no {thing}'} in {module_name}; {hint}")
