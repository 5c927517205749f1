"""Whether meters may be set by our own clock. Pure: what the kernel says is asked by `headend.health.host_clock`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headend.health.host_clock import Discipline

WORST_S: Final = 0.5
"""A clock that may be further off sets nobody else's."""


@dataclass(frozen=True, slots=True)
class Trust:
    """`why`: what it rests on, for people."""

    trusted: bool
    why: str


def trust(told: Discipline, stated: bool) -> Trust:
    """`stated`: the configuration's word, where the kernel cannot know (in containers, on virtual machines)."""
    if stated:
        return Trust(True, "the configuration says so (clock.trust_host)")
    if told.problem is not None:
        return Trust(False, told.problem)
    if not told.is_trusted:
        return Trust(False, "the kernel does not tell whether this machine's clock is synchronised")
    if told.max_error_s is None or told.max_error_s > WORST_S:
        return Trust(False, f"this machine's clock may be wrong by {told.max_error_s} s, more than {WORST_S} s")
    return Trust(True, f"synchronised, wrong by {told.max_error_s:.3f} s at most")
