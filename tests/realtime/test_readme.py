"""The README's program without a phone is what it says."""

import asyncio
import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
LONGEST_LINES = 19
PATIENCE_S = 30.0


def program() -> str:
    """The first Python program of its section."""
    section = README.read_text().split("\n## Without a phone\n")[1].split("\n## ")[0]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


async def test_the_readmes_conversation_is_held(tmp_path: Path) -> None:
    """
    As it stands there, in under 20 lines: the caller asks, cuts in, and is answered both times.
    """
    assert len(program().splitlines()) <= LONGEST_LINES
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program(), stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await child.communicate()
    assert child.returncode == 0
    speakers = [re.split("[ :]", line)[0] for line in said.decode().splitlines()]
    assert speakers == ["Caller", "Agent", "(the", "Caller", "Agent"]
