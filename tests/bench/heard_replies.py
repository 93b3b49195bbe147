"""What agents say on the phone, one reply a line: half of it to find the weights of words, half to judge them."""

from pathlib import Path

REPLIES = tuple(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines())
TO_FIND_WEIGHTS = REPLIES[::2]
TO_JUDGE_THEM = REPLIES[1::2]
