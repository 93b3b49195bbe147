"""Replays the call of one seed: `python -m tests.call.world 17`."""

import sys

from tests.call.world.laws import broken
from tests.call.world.timeline import timeline
from tests.call.world.world import World


def main(seed: int) -> int:
    """Print the call and the laws that it broke; 1 when there are any."""
    world = World(seed)
    try:
        world.run()
    finally:
        sys.stdout.writelines(f"{line}\n" for line in timeline(world.account))
    breaches = broken(world.account)
    sys.stdout.writelines(f"BROKEN  {breach}\n" for breach in breaches)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
