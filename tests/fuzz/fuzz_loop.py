"""The loop of the short runs: corpus, seeded mutations, and what happened as the only feedback.

No instrumentation is needed: a target returns a short description of what an input led to, and an input that led to
something new joins the corpus of this run. The same seed gives the same inputs in the same order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
LENGTH_MAX = 5000                       # a little more than the longest advert with its IP header
# What is at an edge somewhere in a header: bits, limits, versions, TTLs.
EDGES = (0, 1, 2, 3, 0x0F, 0x10, 0x20, 0x21, 0x31, 0x32, 0x41, 0x45, 0x46, 0x4F, 64, 127, 128, 254, 255)


@dataclass(frozen=True, slots=True)
class Ran:
    """How far a run came."""

    inputs: int
    outcomes: int


def corpus(name: str) -> list[bytes]:
    """The committed inputs of a target, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Change an input in one to six places."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 6))):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(out):
                out[at] = chance.choice(EDGES)
            case 2 if at < len(out):
                out[at] = chance.randrange(256)
            case 3:
                out[at:at] = chance.randbytes(chance.choice((1, 1, 4, 8, 16, 64)))
            case 4:
                del out[at : at + chance.choice((1, 1, 4, 8, 16, 64))]
            case 5:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                out[at : at + chance.choice((0, 4, 64))] = other[start : start + chance.choice((4, 16, 64, 4096))]
            case _:
                out[at:] = out[at:] + out[at : at + chance.choice((4, 16))]
    return bytes(out[:LENGTH_MAX])


def run(target: Callable[[bytes], object], seeds: Sequence[bytes], *, seed: int, seconds: float) -> Ran:
    """Feed mutations of `seeds` to `target` for `seconds`.

    Raises AssertionError, with the input in hexadecimal, for the first that does not hold.
    """
    chance = random.Random(seed)
    pool = list(seeds)
    outcomes: set[object] = set()
    end_s = time.monotonic() + seconds
    inputs = 0
    while time.monotonic() < end_s:
        data = mutate(chance.choice(pool), pool, chance) if inputs >= len(seeds) else seeds[inputs]
        inputs += 1
        try:
            outcome = target(data)
        except Exception as error:
            place = f"seed {seed}, input {inputs}"
            raise AssertionError(f"{place}: {type(error).__name__}: {error}\n{data.hex()}") from error
        if outcome not in outcomes:
            outcomes.add(outcome)
            pool.append(data)
    return Ran(inputs, len(outcomes))
