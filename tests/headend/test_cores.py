"""Pieces on all cores: in order, some at a time, and what a piece raises is raised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headend.cores import spread

_begun: list[int] = []


def begin(base: int) -> None:
    _begun[:] = [base]


def work(piece: int) -> int:
    if piece == 99:
        raise ValueError("no such piece")
    return sum(_begun) + piece * piece


@pytest.mark.parametrize("cores", [1, 2])
async def test_results_come_in_order(cores: int) -> None:
    assert [one async for one in spread(work, range(9), cores, begin, (1000,))] == [1000 + n * n for n in range(9)]


async def test_pieces_are_made_as_they_are_needed() -> None:
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for n in range(20):
            made.append(n)
            yield n

    found = spread(work, pieces(), 2, begin, (7,))
    assert await anext(found) == 7
    assert len(made) <= 5
    await found.aclose()


@pytest.mark.parametrize("cores", [1, 2])
async def test_an_error_of_a_piece_is_raised(cores: int) -> None:
    with pytest.raises(ValueError, match="no such piece"):
        _ = [one async for one in spread(work, [1, 99, 2], cores)]
