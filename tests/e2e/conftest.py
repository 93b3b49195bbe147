"""What holds after every test in this folder."""

import asyncio
from collections.abc import AsyncIterator

import pytest

UNWINDING_S = 2.0


@pytest.fixture(autouse=True)
async def nothing_left_over() -> AsyncIterator[None]:
    """When a test is over no task of it is still there."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=UNWINDING_S)
    assert not left
