"""
Secrets, found once, when what needs them is made.

A secret that is missing stops the gateway before it answers a phone. What is found is kept so that printing it shows
stars, and no message repeats it.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from gateway.errors import ConfigError
from gateway.lines.secret_refs import SecretRef

LIMIT_BYTES = 8 * 1024


class Secrets:
    """Everything that can be kept from line files, in this process's *environment* and its files."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def find(self, ref: SecretRef, *, where: str) -> SecretStr:
        """
        The secret that *ref* points at.

        Raises `ConfigError`, which says *where* it was wanted, when there is none or it cannot be sent as text.
        """
        text = self._variable(ref, where) if ref.kind == "variable" else _file(ref, where)
        if not text:
            raise ConfigError(f"{where}: {ref} is empty; put the secret there")
        if not text.isprintable():
            raise ConfigError(f"{where}: {ref} has a line break or a control character in it; write the secret alone")
        return SecretStr(text)

    def _variable(self, ref: SecretRef, where: str) -> str:
        if ref.name not in self._environment:
            raise ConfigError(f"{where}: {ref} is not set; set {ref.name} in the environment of the gateway")
        return self._environment[ref.name].strip()


def _file(ref: SecretRef, where: str) -> str:
    try:
        with Path(ref.name).open("rb") as opened:
            data = opened.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{where}: {ref} cannot be read: {error.strerror}; check path and permissions") from error
    if len(data) > LIMIT_BYTES:
        raise ConfigError(f"{where}: {ref} is larger than {LIMIT_BYTES // 1024} KiB; that is no secret")
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: {ref} is not UTF-8; save it as text") from error
