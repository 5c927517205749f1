"""A whole shared out by weights, exact to the last unit."""

from __future__ import annotations

from collections.abc import Sequence


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """Largest remainder: each gets its share rounded down, the greatest remainders one more, earlier ones first.

    Without any weight all weigh the same. The parts add up to `total`. Raises `ValueError` for nobody to share among,
    negative weights or a negative total.
    """
    if not weights or min(weights) < 0 or total < 0:
        raise ValueError(f"{total} cannot be shared among {len(weights)} parts by these weights")
    whole = sum(weights)
    held = list(weights) if whole else [1] * len(weights)
    whole = whole or len(weights)
    parts, remainders = [], []
    for at, weight in enumerate(held):
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append((-remainder, at))
    for _, at in sorted(remainders)[: total - sum(parts)]:
        parts[at] += 1
    return parts


def nearest(numerator: int, denominator: int) -> int:
    """The quotient rounded half-even. `denominator` is positive."""
    part, remainder = divmod(numerator, denominator)
    twice = remainder * 2
    return part + (twice > denominator or (twice == denominator and part % 2 == 1))
