"""Twilio's requests to an application: signed forms and handshakes, with TwiML as the answer."""

from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from gateway.sim.codes import HANDSHAKE_REFUSED, STREAM_UNREACHABLE, AnswerError, RequestError
from gateway.sim.signature import HEADER, sign
from gateway.sim.twiml import Verb, read_twiml

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=15)
CLOSE_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=2)


class SignedClient:
    """Sends requests that carry the account's signature, if there is an auth token to sign with."""

    def __init__(self, session: aiohttp.ClientSession, auth_token: str | None) -> None:
        self._session = session
        self._auth_token = auth_token

    async def fetch_twiml(self, url: str, form: Mapping[str, str], method: str = "POST") -> list[Verb]:
        """Ask *url* what to do with the call."""
        status, content_type, text = await self._request(url, form, method)
        if status != 200:
            raise RequestError(11200, f"{url} answered {status}, expected 200: {text[:200]!r}")
        if "xml" not in content_type:
            raise AnswerError(12300, f"{url} answered {content_type!r}, expected text/xml")
        return read_twiml(text, url)

    async def notify(self, url: str, form: Mapping[str, str]) -> None:
        """Post a status callback; the body of the answer does not matter."""
        status, _, text = await self._request(url, form, "POST")
        if status >= 300:
            raise RequestError(15003, f"{url} answered {status}, expected 2xx: {text[:200]!r}")

    async def open_stream(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """Shake hands with a media server."""
        try:
            return await self._session.ws_connect(url, headers=self._signature(url), timeout=CLOSE_TIMEOUT)
        except aiohttp.WSServerHandshakeError as error:
            raise RequestError(HANDSHAKE_REFUSED, f"{url} answered {error.status}, expected 101") from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestError(STREAM_UNREACHABLE, f"no connection to {url}: {error}") from error

    async def _request(self, url: str, form: Mapping[str, str], method: str) -> tuple[int, str, str]:
        if method == "GET":
            url, form = f"{url}{'&' if '?' in url else '?'}{urlencode(form)}", {}
        headers = self._signature(url, form)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=form or None, headers=headers, timeout=REQUEST_TIMEOUT
            ) as answer:
                return answer.status, answer.content_type, await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            raise RequestError(11200, f"no answer from {url}: {error}") from error

    def _signature(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        return {HEADER: sign(self._auth_token, url, form)} if self._auth_token else {}
