"""Requests to the gateway as a provider makes them, signed by the provider's own package."""

from collections.abc import Mapping
from typing import Any

from twilio.request_validator import RequestValidator
from yarl import URL

from tests.e2e.exchange import NUMBER, TOKEN, Exchange

PUBLIC = "https://gw.example.com"
FORM = {"CallSid": "CA1", "From": "+15550100", "To": NUMBER}
BODY_LIMIT_BYTES = 64 * 1024


def official_signature(url: str, form: Mapping[str, object] | None = None) -> dict[str, str]:
    """What Twilio would have sent along, by its own package."""
    signature: str = RequestValidator(TOKEN).compute_signature(url, form or {})
    return {"X-Twilio-Signature": signature}


async def post(ex: Exchange, path: str, form: Any, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Send a form; answers with status and body."""
    async with ex.http.post(URL(ex.address + path, encoded=True), data=form, headers=headers) as answer:
        return answer.status, await answer.text()


async def get(ex: Exchange, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Send a query; answers with status and body."""
    async with ex.http.get(URL(ex.address + path, encoded=True), headers=headers) as answer:
        return answer.status, await answer.text()
