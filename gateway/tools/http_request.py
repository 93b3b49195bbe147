"""From what a line file says, and the values of one call, to the request that is sent."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from pydantic import SecretStr

from gateway.errors import ToolError
from gateway.lines.secret_refs import SecretRef
from gateway.lines.targets import Target
from gateway.lines.templates import Template, Values
from gateway.lines.tools.http import HttpTool
from gateway.lines.tools.http_auth import IDEMPOTENCY_KEY, Auth
from gateway.lines.tools.http_url import in_query
from gateway.tools.http_message import HttpRequest
from gateway.tools.secrets import Secrets

_Fields = Mapping[str, SecretStr | Template]


class RequestMaker:
    """Makes requests of one tool, with its secrets at hand."""

    def __init__(self, spec: HttpTool, secrets: Secrets) -> None:
        self._spec = spec
        self._headers = _found(spec.headers, secrets, f"{spec.name}: headers")
        self._query = _found(spec.query, secrets, f"{spec.name}: query")
        self._auth = {} if spec.auth is None else {spec.auth.header_name: _auth(spec.auth, secrets, spec.name)}

    def make(self, values: Values, idempotency_key: str) -> HttpRequest:
        """
        Fill the gaps.

        Raises `ToolError` for a value that cannot stand in its gap.
        """
        spec = self._spec
        return HttpRequest(
            spec.method,
            self._target(values),
            self._all_headers(values, idempotency_key),
            None if spec.body is None else spec.body.render(values, spec.body_format),
            spec.hosts,
            spec.allow_private,
            spec.may_repeat,
            spec.retries,
        )

    def _target(self, values: Values) -> Target:
        try:
            target = self._spec.url.target(values)
        except ValueError as error:
            raise ToolError(f"with these arguments the address {error}") from error
        pairs = "&".join(_pairs(self._query, values))
        return replace(target, query=f"{target.query}{'&' if target.query else '?'}{pairs}") if pairs else target

    def _all_headers(self, values: Values, idempotency_key: str) -> dict[str, str]:
        headers = {name: _header(name, value, values) for name, value in self._headers.items()}
        headers |= {name: value.get_secret_value() for name, value in self._auth.items()}
        if self._spec.idempotency_key:
            headers[IDEMPOTENCY_KEY] = idempotency_key
        if self._spec.body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = self._spec.content_type
        return headers


def _found(fields: Mapping[str, SecretRef | Template], secrets: Secrets, where: str) -> _Fields:
    return {
        name: secrets.find(value, where=f"{where}.{name}") if isinstance(value, SecretRef) else value
        for name, value in fields.items()
    }


def _auth(auth: Auth, secrets: Secrets, name: str) -> SecretStr:
    if auth.bearer:
        return SecretStr(f"Bearer {secrets.find(auth.bearer, where=f'{name}: auth.bearer').get_secret_value()}")
    if auth.basic:
        password = secrets.find(auth.basic.password, where=f"{name}: auth.basic.password").get_secret_value()
        return SecretStr(f"Basic {b64encode(f'{auth.basic.user}:{password}'.encode()).decode()}")
    assert auth.header
    return secrets.find(auth.header.value, where=f"{name}: auth.header.value")


def _header(name: str, value: SecretStr | Template, values: Values) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    text = value.render(values).strip()
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise ToolError(f"what would stand in {name} has a line break or a control character in it")
    return text


def _pairs(query: _Fields, values: Values) -> Iterator[str]:
    """What has no value is left out."""
    for name, value in query.items():
        if isinstance(value, SecretStr):
            yield f"{quote(name, safe='')}={quote(value.get_secret_value(), safe='')}"
        elif (filled := value.value(values)) is not None:
            yield f"{quote(name, safe='')}={in_query(filled)}"
