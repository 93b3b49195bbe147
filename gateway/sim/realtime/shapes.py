"""
What a client event may look like, said as data.

A shape checks one JSON value and refuses it the way the service does: with a code, a message and the
dotted path of the parameter. The first thing found wrong is the one reported; nothing is changed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import RemoteProtocolError


class RefusalError(RemoteProtocolError):
    """A client event that the server does not carry out."""

    def __init__(
        self, code: str | None, message: str, *, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind


class Shape(Protocol):
    """What a JSON value must look like."""

    def check(self, value: object, path: str) -> None:
        """Raise a refusal unless *value*, found at *path*, has this shape."""


def missing(path: str) -> RefusalError:
    """The refusal of an event in which *path* is absent."""
    return RefusalError("missing_required_parameter", f"Missing required parameter: '{path}'.", param=path)


def unknown(path: str) -> RefusalError:
    """The refusal of an event in which nobody expects *path*."""
    return RefusalError("unknown_parameter", f"Unknown parameter: '{path}'.", param=path)


def wrong_type(path: str, expected: str, value: object) -> RefusalError:
    """The refusal of a value of another JSON type."""
    found = {type(None): "null", bool: "a boolean", int: "an integer", float: "a decimal number"} | {
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    message = f"Invalid type for '{path}': expected {expected}, but got {found[type(value)]} instead."
    return RefusalError("invalid_type", message, param=path)


def bad_value(path: str, value: object, expected: str) -> RefusalError:
    """The refusal of a value that has the right type and nothing else."""
    return RefusalError("invalid_value", f"Invalid value: {value!r}. {expected}", param=path)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value at all."""

    def check(self, value: object, path: str) -> None:
        """Accept."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, value: object, path: str) -> None:
        """Accept a boolean."""
        if not isinstance(value, bool):
            raise wrong_type(path, "a boolean", value)


@dataclass(frozen=True, slots=True)
class Text:
    """A string, perhaps of a certain form."""

    longest: int | None = None
    pattern: str = ""

    def check(self, value: object, path: str) -> None:
        """Accept a string that is short enough and of the right form."""
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if self.longest is not None and len(value) > self.longest:
            raise bad_value(path, f"{value[:20]}…", f"Expected at most {self.longest} characters.")
        if not re.fullmatch(self.pattern or r"(?s).*", value):
            raise bad_value(path, value, f"Expected a string that matches '{self.pattern}'.")


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds."""

    least: float
    most: float
    whole: bool = False

    def check(self, value: object, path: str) -> None:
        """Accept a number from *least* to *most*."""
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise wrong_type(path, "an integer" if self.whole else "a number", value)
        if not self.least <= value <= self.most:
            raise bad_value(path, value, f"Expected a value from {self.least} to {self.most}.")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few strings."""

    choices: tuple[str, ...]

    def check(self, value: object, path: str) -> None:
        """Accept one of the choices."""
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if value not in self.choices:
            raise bad_value(path, value, f"Supported values are: {', '.join(map(repr, self.choices))}.")


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or null."""

    shape: Shape

    def check(self, value: object, path: str) -> None:
        """Accept null and whatever the shape within accepts."""
        if value is not None:
            self.shape.check(value, path)


@dataclass(frozen=True, slots=True)
class Either:
    """A string of one shape, or something else of another."""

    text: Shape
    other: Shape

    def check(self, value: object, path: str) -> None:
        """Accept what the one or the other accepts; the type decides which is asked."""
        (self.text if isinstance(value, str) else self.other).check(value, path)


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array of equals."""

    shape: Shape
    longest: int | None = None

    def check(self, value: object, path: str) -> None:
        """Accept an array in which every element has the shape."""
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        if self.longest is not None and len(value) > self.longest:
            raise bad_value(path, len(value), f"Expected at most {self.longest} elements.")
        for index, element in enumerate(value):
            self.shape.check(element, f"{path}[{index}]")


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known keys."""

    keys: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def check(self, value: object, path: str) -> None:
        """Accept an object that has all required keys, and no unknown one."""
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        prefix = f"{path}." if path else ""
        for key in self.required:
            if key not in value:
                raise missing(prefix + key)
        for key, inner in value.items():
            if (shape := self.keys.get(key)) is None:
                raise unknown(prefix + key)
            shape.check(inner, prefix + key)


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object that maps short strings to short strings."""

    longest: int
    value: Shape

    def check(self, value: object, path: str) -> None:
        """Accept an object with at most *longest* keys."""
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        if len(value) > self.longest:
            raise bad_value(path, len(value), f"Expected at most {self.longest} pairs.")
        for key, inner in value.items():
            Text(longest=64).check(key, path)
            self.value.check(inner, f"{path}.{key}")


@dataclass(frozen=True, slots=True)
class ByKey:
    """An object whose other keys depend on the value of one of them."""

    key: str
    shapes: Mapping[str, Shape]

    def check(self, value: object, path: str) -> None:
        """Accept what the shape chosen by the key accepts."""
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        where = f"{path}.{self.key}" if path else self.key
        if self.key not in value:
            raise missing(where)
        OneOf(tuple(self.shapes)).check(value[self.key], where)
        self.shapes[value[self.key]].check(value, path)
