"""Short series put together: a column of few rows costs as much as one of thousands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.series import UNKNOWN, Channel, Flag, Ints, Series, within


@dataclass(frozen=True, slots=True)
class Bundle:
    """Series one after another. `which`: of each row its series; `flag`: which of `flags` holds for it."""

    pieces: Sequence[Series]
    which: npt.NDArray[np.intp]
    flags: Sequence[Flag]
    flag: Ints

    @classmethod
    def of(cls, pieces: Sequence[Series]) -> Bundle:
        known: dict[Flag, int] = {}
        parts = []
        for piece in pieces:
            own = [known.setdefault(flag, len(known)) for flag in piece.flags]
            parts.append(np.array(own, dtype=np.int64)[piece.flag])
        which = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
        return cls(pieces, which, list(known), np.concatenate(parts))

    def __len__(self) -> int:
        return len(self.which)

    @property
    def channels(self) -> list[Channel]:
        return [piece.channel for piece in self.pieces]

    def starts(self) -> Ints:
        return np.concatenate([piece.start for piece in self.pieces])

    def values(self) -> Ints:
        """As the series have them: counts of 10^-decimals, each of its own channel."""
        return np.concatenate([piece.value for piece in self.pieces])

    def scaled(self, decimals: int) -> Ints:
        """Raises `ExportFault` as `Series.scaled` does."""
        return np.concatenate([piece.scaled(decimals) for piece in self.pieces])

    def read(self) -> Ints | None:
        return self._times([piece.read for piece in self.pieces])

    def collected(self) -> Ints | None:
        return self._times([piece.collected for piece in self.pieces])

    def _times(self, columns: Sequence[Ints | None]) -> Ints | None:
        """None where none is known."""
        if all(column is None for column in columns):
            return None
        return np.concatenate([
            np.full(len(piece), UNKNOWN, dtype=np.int64) if column is None else column
            for column, piece in zip(columns, self.pieces, strict=True)
        ])  # fmt: skip


def bundles(series: Iterable[Series], most: int) -> Iterator[Bundle]:
    """No more than `most` rows in each; a series of more is cut, one of none is left out."""
    return map(Bundle.of, together(within(series, most), most))


def together(pieces: Iterable[Series], most: int) -> Iterator[list[Series]]:
    """Whole series, so many that they make at most `most` rows, or one that alone is longer."""
    held: list[Series] = []
    count = 0
    for piece in pieces:
        if held and count + len(piece) > most:
            yield held
            held, count = [], 0
        held.append(piece)
        count += len(piece)
    if held:
        yield held
