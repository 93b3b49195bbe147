"""
What the environment says about this process; who answers which number is in the line files.

A variable that is set but empty counts as not set, so that a template with blanks works. Secrets are
held so that printing them shows stars, and no message repeats one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import ConfigError
from gateway.lines import Line
from gateway.lines.scalars import either, shown, unquoted, whole_from
from gateway.lines.urls import RealtimeUrl, split_url
from gateway.lines.wording import describe, did_you_mean
from gateway.providers.openai_webhook import signing_key

PREFIX = "GATEWAY_"
ENV_FILE = Path(".env")
TWILIO_API_URL = "https://api.twilio.com"
OPENAI_URL = "wss://api.openai.com/v1/realtime"
OPENAI_API_URL = "https://api.openai.com/v1"


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _stripped(value: object) -> object:
    """A key that was piped through `echo` ends in a newline; a blank one is none."""
    return (value.strip() or None) if isinstance(value, str) else value


def _check_base_url(text: str) -> str:
    """Paths are put behind it, so that it ends without a slash, a query or a fragment."""
    parts = split_url(text, "https", "http")
    if parts.query or parts.fragment:
        raise ValueError(f"{shown(text)} has a ? or # part, which cannot stay in front of a path; remove it")
    return text.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Secret = Annotated[SecretStr | None, BeforeValidator(_stripped)]


class Settings(BaseSettings):
    """Everything that one process needs to know before it listens."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` is every address of this machine."""
    port: Annotated[int, whole_from(0, 65_535), BeforeValidator(unquoted)] = Field(
        8080, validation_alias=AliasChoices("GATEWAY_PORT", "PORT")
    )
    """Port to listen on; 0 takes any free one."""
    public_url: BaseUrl | None = None
    """How providers reach this gateway, as `https://host`; not set, it is `http://` host and port."""
    config: Path = Path("config")
    """Folder with the `lines` folder in it."""
    twilio_auth_token: Secret = None
    """Secret that Twilio signs its requests with; needed as soon as others can reach the gateway."""
    twilio_api_url: BaseUrl = TWILIO_API_URL
    """Where Twilio is asked to end calls; accounts of another region have an address of their own."""
    realtime_url: RealtimeUrl = OPENAI_URL
    """Realtime server of the lines that have no `url` of their own."""
    openai_api_key: Secret = Field(None, validation_alias="OPENAI_API_KEY")
    """Key for the OpenAI API."""
    openai_api_url: BaseUrl = OPENAI_API_URL
    """Where OpenAI is asked to accept, transfer and end calls that come by SIP."""
    openai_webhook_secret: Secret = Field(None, validation_alias="OPENAI_WEBHOOK_SECRET")
    """Secret that OpenAI signs with when it tells of calls that come by SIP; without it none are taken."""
    max_calls: Annotated[int, whole_from(1, 1_000_000), BeforeValidator(unquoted)] | None = None
    """Most calls at a time, on all lines together; not set, as many as come."""
    state: Path = Path(".gateway")
    """Folder for what a restart must know of calls that come by SIP; one for each gateway that runs."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lowered)] = "info"
    """How much is logged: `debug`, `info`, `warning` or `error`."""
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lowered)] = "text"
    """How it is logged: `text` for people, `json` for machines."""

    @property
    def base_url(self) -> str:
        """Return the URL under which providers reach this gateway."""
        if self.public_url is not None:
            return self.public_url
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def stream_base(self) -> str:
        """Return that URL as a provider opens media streams on it."""
        return self.base_url.replace("http", "ws", 1)

    @property
    def exposed(self) -> str:
        """The setting by which others can reach this process, and its value; empty when nobody else can."""
        public_host = split_url(self.public_url or "", "https", "http").hostname if self.public_url else None
        if not _is_loopback(self.host):
            return f"GATEWAY_HOST is {shown(self.host)}"
        if public_host is not None and not _is_loopback(public_host):
            return f"GATEWAY_PUBLIC_URL is {shown(self.public_url)}"
        return ""

    def check_exposure(self) -> None:
        """Refuse to listen to the world without a way to tell a provider from anyone else."""
        if self.exposed and self.twilio_auth_token is None and self.openai_webhook_secret is None:
            raise ConfigError(
                f"{self.exposed}, which others can reach, and GATEWAY_TWILIO_AUTH_TOKEN is not set; set the token (or "
                "OPENAI_WEBHOOK_SECRET, when calls come by SIP alone), or listen on GATEWAY_HOST=127.0.0.1"
            )

    def check_webhooks(self) -> None:
        """Refuse to be told of calls that could not be accepted."""
        if self.openai_webhook_secret is None:
            return
        signing_key(self.openai_webhook_secret.get_secret_value())
        if self.openai_api_key is None:
            raise ConfigError(
                "OPENAI_WEBHOOK_SECRET is set, and OPENAI_API_KEY, with which calls that come by SIP are accepted, is "
                "not; set the key of the same project, or leave the secret out"
            )


def load_settings(env_file: Path | None = ENV_FILE, **overrides: object) -> Settings:
    """Read the environment, then *env_file* for what it leaves open; *overrides* go before both."""
    if env_file:
        _check_env_file(env_file)
    try:
        return Settings.model_validate({"_env_file": env_file, **overrides})
    except ValidationError as error:
        raise ConfigError("\n".join(_complaints(error))) from error


def _check_env_file(file: Path) -> None:
    """Only the default file may be absent."""
    try:
        file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if file != ENV_FILE:
            raise ConfigError(f"{file}: no such file; name a file with one NAME=value per line") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as UTF-8 text; check its permissions and save it again") from error


def environment(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Where the secrets of lines are: the environment, then *env_file* for what it leaves open."""
    written = dotenv_values(env_file) if env_file.is_file() else {}
    return {name: value for name, value in written.items() if value} | dict(os.environ)


def check_backends(settings: Settings, lines: Iterable[Line]) -> None:
    """Refuse lines that would speak to OpenAI without a key; other servers may need none."""
    if settings.openai_api_key is not None:
        return
    problems = [
        f"{line.source or line.line}: backend: openai needs OPENAI_API_KEY, which is not set; set it in the "
        "environment, or write `backend: local`"
        for line in lines
        if line.way is None and line.backend == "openai" and _is_openai(line.url or settings.realtime_url)
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def variables() -> dict[str, str]:
    """Every environment variable that is read, and what it means."""
    return {
        variable: field.description or ""
        for name, field in Settings.model_fields.items()
        for variable in _variables_of(name)
    }


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Warn of variables in *environ* that look like ours and are not."""
    known = variables()
    return [
        f"{name} is not a setting of the gateway; {did_you_mean(name, known)}"
        for name in sorted(environ)
        if name.upper().startswith(PREFIX) and name.upper() not in known
    ]


def _complaints(error: ValidationError) -> list[str]:
    return [f"{either(_variables_at(detail))}: {describe(detail)}" for detail in error.errors(include_url=False)]


def _variables_at(error: ErrorDetails) -> list[str]:
    """Name every variable that the value may have come from."""
    place = error["loc"][0]
    spellings = {name: _variables_of(name) for name in Settings.model_fields}
    return next(found for name, found in spellings.items() if place in {name, *found})


def _variables_of(name: str) -> list[str]:
    alias = Settings.model_fields[name].validation_alias
    match alias:
        case AliasChoices():
            return [str(choice) for choice in alias.choices]
        case str():
            return [alias]
        case _:
            return [PREFIX + name.upper()]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_openai(url: str) -> bool:
    host = split_url(url, "wss", "ws", "https", "http").hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")
