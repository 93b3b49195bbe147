"""
Whole calls in virtual time, drawn from a seed and held against the laws of a call.

    python -m tests.call.world 17

plays the call of seed 17 and prints what happened in it and which laws it broke.
"""

from tests.call.world.world import Account, World

__all__ = ["Account", "World"]
