"""
OpenAI's webhooks: signed, and sent again until they are answered well.

A webhook keeps its id however often it is sent, while time and signature are those of the attempt. An answer other than
2xx, one that does not come in time, and no connection at all are followed by another attempt, after longer and longer
pauses; here they are fractions of a second and not hours.

https://platform.openai.com/docs/guides/webhooks
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

PREFIX = "whsec_"
OTHER_SECRET = PREFIX + base64.b64encode(b"the secret of someone else").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHabits:
    """How webhooks are sent; what departs from good health is off."""

    retry_pauses_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)
    """How long to wait behind each attempt that failed; with the last of them it ends."""
    answer_within_s: float = 5.0
    """How long an answer may take."""
    wrong_secret: bool = False
    """Sign with someone else's secret."""
    rotating: bool = False
    """Sign with two secrets, of which the second is ours, as in the days after a change."""
    unsigned: bool = False
    """Leave the signature out."""
    late_by_s: int = 0
    """Date every attempt so much back."""
    twice: bool = False
    """Send every attempt two times at once."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Something to be told of."""

    webhook_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to tell it."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    """What it was answered with; None when nothing came."""

    @property
    def accepted(self) -> bool:
        """Whether it need not be sent again."""
        return self.status is not None and self.status // 100 == 2


def sign(secret: str, webhook_id: str, unix_s: int, body: bytes) -> str:
    """
    Sign one attempt.

    >>> sign("whsec_c2VjcmV0", "wh_1", 1750287018, b"{}")
    'v1,dTNGWGR+vvqS51BceK3Ai+DJq+RrSOwSZLYYIDmajhw='
    """
    key = binascii.a2b_base64(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
    digest = hmac.new(key, f"{webhook_id}.{unix_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class WebhookSender:
    """Sends webhooks, and remembers every attempt."""

    def __init__(self, secret: str, habits: WebhookHabits) -> None:
        self.deliveries: list[Delivery] = []
        """Every attempt that is over, in order of its end."""
        self._http: aiohttp.ClientSession | None = None
        self._secret = secret
        self._habits = habits

    async def send(self, url: str, webhook: Webhook) -> bool:
        """Send it until it is taken, or time and again; answers whether it was taken."""
        for pause_s in (*self._habits.retry_pauses_s, None):
            if await self._attempt(url, webhook):
                return True
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        return False

    async def close(self) -> None:
        """Let the connections go."""
        if self._http is not None:
            await self._http.close()

    async def replay(self, delivery: Delivery) -> Delivery:
        """Send an attempt again as it was, to the letter."""
        return await self._post(delivery.url, delivery.headers, delivery.body)

    async def _attempt(self, url: str, webhook: Webhook) -> bool:
        headers = self._headers(webhook)
        times = 2 if self._habits.twice else 1
        deliveries = await asyncio.gather(*(self._post(url, headers, webhook.body) for _ in range(times)))
        return all(delivery.accepted for delivery in deliveries)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        delivery = Delivery(url, headers, body, await self._status(url, headers, body))
        self.deliveries.append(delivery)
        return delivery

    async def _status(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        try:
            async with (
                asyncio.timeout(self._habits.answer_within_s),
                self._http.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, OSError):  # of which a timeout is one
            return None

    def _headers(self, webhook: Webhook) -> dict[str, str]:
        unix_s = int(time.time()) - self._habits.late_by_s
        signature = {} if self._habits.unsigned else {"webhook-signature": self._signature(webhook, unix_s)}
        return {
            "content-type": "application/json",
            "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
            "webhook-id": webhook.webhook_id,
            "webhook-timestamp": str(unix_s),
            **signature,
        }

    def _signature(self, webhook: Webhook, unix_s: int) -> str:
        ours, other = (
            sign(secret, webhook.webhook_id, unix_s, webhook.body) for secret in (self._secret, OTHER_SECRET)
        )
        if self._habits.wrong_secret:
            return other
        return f"{other} {ours}" if self._habits.rotating else ours
