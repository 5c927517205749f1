"""What several questions to the same meters say together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from protocols.dlt645.search.census import Census

_ENOUGH: Final = 3


class Outcome(StrEnum):
    """Who is behind an ending of addresses."""

    SILENT = "silent"
    ONE = "one"
    """One clean answer, again and again: one meter, or one that is heard above all others."""
    NAMELESS = "nameless"
    """Clean answers that tell no address."""
    SEVERAL = "several"
    """Noise more than once, or answers of several."""
    BABBLE = "babble"
    """Noise, and just the same when nobody is asked."""


def verdict(taken: Sequence[Census], tries: int) -> Outcome | None:
    """None: ask again. Silence is asked `tries` times; whatever is heard, up to three times.

    One stretch of noise beside clean answers counts as several meters, which costs questions but loses nobody; one
    stretch of noise beside silence is the line's own.
    """
    noisy = sum(census.noise > 0 for census in taken)
    names = frozenset(name for census in taken for name in census.names)
    named = sum(bool(census.names) for census in taken)
    nameless = any(census.nameless for census in taken)
    if len(names) > 1 or noisy > 1 or (noisy and (named > 1 or (nameless and not names))):
        return Outcome.SEVERAL
    if not (noisy or names or nameless):
        return Outcome.SILENT if len(taken) >= tries else None
    if names and (named > 1 or len(taken) >= _ENOUGH):
        return Outcome.SEVERAL if noisy and len(taken) >= _ENOUGH else Outcome.ONE
    if nameless and not names and len(taken) > 1:
        return Outcome.NAMELESS
    return None if len(taken) < _ENOUGH else Outcome.SILENT
