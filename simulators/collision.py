"""What is heard when several meters answer at once on two wires. No I/O, no clock.

They begin some bytes apart, for no two think equally long; where they overlap a 0 bit wins. Sometimes the nearest
meter is so much stronger that it is heard as if it were alone (the capture effect): a clean answer proves nothing about
who else spoke.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Collisions:
    """`offset_bytes`: so many bytes at most one begins after the other. `capture`: the share of collisions (0 to 1) of
    which only the first of the line's meters is heard."""

    seed: int = 0
    offset_bytes: int = 8
    capture: float = 0.0

    def __post_init__(self) -> None:
        if self.offset_bytes < 0 or not 0 <= self.capture <= 1:
            raise ValueError("offset_bytes is at least 0, capture a share from 0 to 1")


class Collider:
    """Draws collisions; the same seed and answers in the same order give the same bytes."""

    def __init__(self, collisions: Collisions) -> None:
        self._collisions = collisions
        self._random = random.Random(collisions.seed)

    def heard(self, answers: Sequence[bytes]) -> bytes:
        """What stands on the line for `answers`, at least one, in the line's order of meters."""
        if len(answers) == 1:
            return answers[0]
        draw, most = self._random, self._collisions.offset_bytes
        offsets = [draw.randint(0, most) for _ in answers]
        return answers[0] if draw.random() < self._collisions.capture else collided(answers, offsets)


def collided(answers: Sequence[bytes], offsets: Sequence[int] | None = None) -> bytes:
    """`answers` over each other, each `offsets` bytes late: a 0 bit wins on RS-485. Where nobody speaks is no byte."""
    offsets = offsets or [0] * len(answers)
    longest = max(offset + len(answer) for offset, answer in zip(offsets, answers, strict=True))
    mixed: list[int | None] = [None] * longest
    for offset, answer in zip(offsets, answers, strict=True):
        for index, byte in enumerate(answer, offset):
            there = mixed[index]
            mixed[index] = byte if there is None else there & byte
    return bytes(byte for byte in mixed if byte is not None)
