"""The webhooks of the simulated SIP provider, read by the official package."""

import socket
from contextlib import closing
from typing import Any

import pytest
from openai import AsyncOpenAI, InvalidWebhookSignatureError
from openai.types.webhooks import LiveCallIncomingWebhookEvent, RealtimeCallIncomingWebhookEvent

from gateway.sim.sip import sip_headers
from tests.sim.sip_trunk import QUICK, trunk
from tests.sim.webhook_ear import Heard


def unwrapped(client: AsyncOpenAI, heard: Heard) -> Any:
    """What the official package makes of a webhook, if it believes it."""
    return client.webhooks.unwrap(heard.body, heard.headers)


async def test_a_call_is_told_of_by_a_signed_webhook() -> None:
    """
    The official package verifies and reads it: the call's identifier, and the headers of its INVITE.
    """
    async with trunk() as here:
        call = here.ring(called="+15550177", caller="+15550122")
        assert await here.provider.told()
        (heard,) = here.ear.heard
        event = unwrapped(here.client, heard)
        assert isinstance(event, RealtimeCallIncomingWebhookEvent)
        assert event.data.call_id == call.call_id
        headers = [(header.name, header.value) for header in event.data.sip_headers]
        assert headers == list(call.headers)
        assert [name for name, _ in headers] == ["From", "To", "Call-ID"]
        assert "<sip:+15550122@" in headers[0][1]
        assert "<sip:+15550177@" in headers[1][1]
        assert heard.headers["content-type"] == "application/json"


async def test_other_headers_take_the_place_of_the_trunks() -> None:
    """
    A trunk may dial the project, and name the number elsewhere.
    """
    async with trunk() as here:
        headers = (*sip_headers("proj_1", "anonymous"), ("Diversion", "<sip:+15550199@trunk.example.com>"))
        here.ring(headers=headers)
        assert await here.provider.told()
        found = unwrapped(here.client, here.ear.heard[0]).data.sip_headers
        assert [(header.name, header.value) for header in found] == list(headers)


async def test_a_webhook_is_sent_until_it_is_taken() -> None:
    """
    An error, a redirect and no answer at all are followed by another attempt with the same id, which is signed anew.
    """
    async with trunk(500, 302, 0, 204, answer_within_s=0.1) as here:
        here.ring()
        assert await here.provider.told()
        assert [delivery.status for delivery in here.provider.deliveries] == [500, 302, None, 204]
        assert len({(heard.webhook_id, heard.body) for heard in here.ear.heard}) == 1
        for heard in here.ear.heard:
            unwrapped(here.client, heard)


async def test_a_webhook_is_given_up_at_last() -> None:
    """
    Behind the last pause nothing comes any more; where nobody listens there is no status.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    async with trunk(503) as here:
        here.ring()
        here.provider.call(f"http://127.0.0.1:{port}/openai/webhook")
        assert not await here.provider.told()
        assert len(here.ear.heard) == len(QUICK) + 1
        statuses = [delivery.status for delivery in here.provider.deliveries]
        assert (statuses.count(503), statuses.count(None)) == (4, 4)


async def test_a_webhook_may_come_twice_and_again_later() -> None:
    """
    Two at once are the same to the letter, and so is one that was overheard.
    """
    async with trunk(twice=True) as here:
        here.ring()
        assert await here.provider.told()
        assert (await here.provider.replay(here.provider.deliveries[0])).accepted
        first, *others = here.ear.heard
        assert len(others) == 2
        for other in others:
            assert (other.body, other.webhook_id) == (first.body, first.webhook_id)
            assert other.headers["webhook-signature"] == first.headers["webhook-signature"]


async def test_a_rotated_secret_signs_beside_the_old_one() -> None:
    """
    Two signatures come, and one is enough for the official package.
    """
    async with trunk(rotating=True) as here:
        here.ring()
        assert await here.provider.told()
        assert len(here.ear.heard[0].headers["webhook-signature"].split()) == 2
        unwrapped(here.client, here.ear.heard[0])


@pytest.mark.parametrize("knobs", [{"wrong_secret": True}, {"unsigned": True}, {"late_by_s": 400}, {"late_by_s": -400}])
async def test_what_the_official_package_does_not_believe_can_be_sent(knobs: dict[str, Any]) -> None:
    """
    Signed by someone else, by nobody, long ago, or in the future.
    """
    async with trunk(**knobs) as here:
        here.ring()
        assert await here.provider.told()
        with pytest.raises((InvalidWebhookSignatureError, ValueError)):
            unwrapped(here.client, here.ear.heard[0])


async def test_a_call_can_be_told_of_in_two_families() -> None:
    """
    The live twin has a webhook id and a session id of its own, and the headers of the same INVITE.
    """
    async with trunk(live_twin=True) as here:
        here.ring()
        assert await here.provider.told()
        events = {type(event): event for event in (unwrapped(here.client, heard) for heard in here.ear.heard)}
        call, live = events[RealtimeCallIncomingWebhookEvent], events[LiveCallIncomingWebhookEvent]
        assert [dict(header) for header in call.data.sip_headers] == [dict(header) for header in live.data.sip_headers]
        assert call.data.call_id != live.data.session_id
        assert len({heard.webhook_id for heard in here.ear.heard}) == 2
