"""Many channels as one set of columns: what is done once for all of them costs each of them next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.series import UNKNOWN, Channel, Flag, Ints, Series, Visit, moment


@dataclass(frozen=True)
class Bundle:
    """Intervals of `channels`, one after another: those of the k-th are the rows from `edges[k]` until just before
    `edges[k + 1]`, of which there is at least one. The columns are those of a `Series`; `visits` are by channel.

    Raises `ExportFault` where two intervals of a channel have one start, overlap, or are not in order."""

    channels: Sequence[Channel]
    edges: Ints
    start: Ints
    value: Ints
    flag: Ints
    flags: Sequence[Flag]
    read: Ints | None = None
    collected: Ints | None = None
    visits: Mapping[int, Sequence[Visit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = [self.value, self.flag, *(column for column in (self.read, self.collected) if column is not None)]
        if any(len(column) != len(self.start) for column in columns):
            raise ValueError("columns of different lengths")
        if len(self) and not 0 <= int(self.flag.min()) <= int(self.flag.max()) < len(self.flags):
            raise ValueError("a flag that there is not")
        short = np.diff(self.start) < self.each(lambda one: one.step_s)[1:]
        short[self.edges[1:-1] - 1] = False
        if short.any():
            row = int(short.argmax()) + 1
            raise self.fault(row, f"the interval at {moment(int(self.start[row]))} is there twice, or out of order")

    @classmethod
    def of(cls, series: Iterable[Series]) -> Bundle:
        """A series without intervals is left out."""
        pieces = [one for one in series if len(one)]
        parts = [
            cls((one.channel,), np.array([0, len(one)]), one.start, one.value, one.flag, one.flags, one.read,
                one.collected, {0: one.visits} if one.visits else {})
            for one in pieces
        ]  # fmt: skip
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: Sequence[Bundle]) -> Bundle:
        """One after the other; equal flags are one."""
        if len(parts) == 1:
            return parts[0]
        known: dict[Flag, int] = {}
        for flag in (flag for part in parts for flag in part.flags):
            known.setdefault(flag, len(known))
        rows = np.cumsum([0, *map(len, parts)])[:-1]
        numbers = np.cumsum([0, *(len(part.channels) for part in parts)])[:-1].tolist()
        nothing = np.zeros(0, dtype=np.int64)
        return cls(
            [channel for part in parts for channel in part.channels],
            np.concatenate([[0], *(part.edges[1:] + row for part, row in zip(parts, rows, strict=True))]),
            np.concatenate([nothing, *(part.start for part in parts)]),
            np.concatenate([nothing, *(part.value for part in parts)]),
            np.concatenate([nothing, *(_renamed(part, known) for part in parts)]),
            list(known),
            _times(parts, [part.read for part in parts]),
            _times(parts, [part.collected for part in parts]),
            {at + own: told for part, at in zip(parts, numbers, strict=True) for own, told in part.visits.items()},
        )

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def counts(self) -> Ints:
        """Intervals of each channel."""
        return np.diff(self.edges)

    @cached_property
    def which(self) -> npt.NDArray[np.intp]:
        """Of each row its channel."""
        return np.repeat(np.arange(len(self.channels)), self.counts)

    @cached_property
    def reads(self) -> Ints:
        """How many intervals of each channel (rows) each of `flags` (columns) holds for."""
        kinds = len(self.flags)
        if kinds == 1:
            return self.counts[:, None]
        size = len(self.channels) * kinds
        return np.bincount(self.which * kinds + self.flag, minlength=size).reshape(-1, max(kinds, 1))

    @property
    def firsts(self) -> Ints:
        """When the first interval of each channel begins."""
        return self.start[self.edges[:-1]]

    @property
    def lasts(self) -> Ints:
        return self.start[self.edges[1:] - 1]

    def each(self, told: Callable[[Channel], int]) -> Ints:
        """Of each row what is told of its channel."""
        own = np.array([told(channel) for channel in self.channels], dtype=np.int64)
        if len(own) and (own == own[0]).all():
            return np.broadcast_to(own[0], len(self))
        return own[self.which]

    def fault(self, row: int, reason: str) -> ExportFault:
        """Naming the channel of that row."""
        channel = self.channels[int(np.searchsorted(self.edges, row, side="right")) - 1]
        return ExportFault(channel.point, channel.channel, reason)

    def sums(self) -> list[int]:
        """Of each channel. No sum of 64 bits overflows: the halves are summed apart."""
        firsts = self.edges[:-1]
        high, low = np.add.reduceat(self.value >> 32, firsts), np.add.reduceat(self.value & 0xFFFFFFFF, firsts)
        return [(above << 32) + below for above, below in zip(high.tolist(), low.tolist(), strict=True)]

    def scaled(self, decimals: int) -> Ints:
        """The values as counts of 10^-decimals. Raises `ExportFault` where that is not exact, or not in 18 digits."""
        found = np.empty_like(self.value)
        own = self.each(lambda one: one.decimals)
        for had in set(own.tolist()) if len(own) and (own != own[0]).any() else set(own[:1].tolist()):
            rows: Any = slice(None) if (own == had).all() else own == had
            found[rows] = self._scaled(rows, decimals - had, decimals)
        return found

    def _scaled(self, rows: Any, shift: int, decimals: int) -> Ints:
        values = self.value[rows]
        limit = 10**18 // 10 ** max(shift, 0)
        if max(int(values.max()), -int(values.min())) >= limit:
            row = int(np.arange(len(self))[rows][(values >= limit) | (values <= -limit)][0])
            raise self.fault(row, "a value has more than 18 digits")
        if shift >= 0:
            return np.asarray(values * 10**shift)
        wholes, rest = np.divmod(values, 10**-shift)
        if rest.any():
            row = int(np.arange(len(self))[rows][rest != 0][0])
            raise self.fault(row, f"a value has more than {decimals} decimals")
        return np.asarray(wholes)

    def part(self, low: int, high: int) -> Bundle:
        """Some rows. Flags come in the order in which channels have them, equal ones are one: what a channel has is
        told of its part, too, so that files do not depend on how rows came."""
        first = int(np.searchsorted(self.edges, low, side="right")) - 1
        last = int(np.searchsorted(self.edges, high, side="left"))
        known: dict[Flag, int] = {}
        for at in dict.fromkeys(np.nonzero(self.reads[first:last])[1].tolist()):
            known.setdefault(self.flags[at], len(known))
        edges = self.edges[first : last + 1] - low
        edges[0], edges[-1] = 0, high - low
        return Bundle(
            self.channels[first:last],
            edges,
            self.start[low:high],
            self.value[low:high],
            _renamed(self, known, low, high),
            list(known),
            None if self.read is None else self.read[low:high],
            None if self.collected is None else self.collected[low:high],
            {at - first: told for at, told in self.visits.items() if first <= at < last and low <= self.edges[at]},
        )


def bundles(given: Iterable[Bundle], most: int, *, cuts: bool = False) -> Iterator[Bundle]:
    """The same rows in bundles of whole channels that have at most `most` rows, or are one channel that is longer;
    `cuts`: such a one is cut. Bundles and files do not depend on how the rows were bundled before."""
    held: list[Bundle] = []
    count = 0
    for one in given:
        ends = _ends(one, most) if cuts else one.edges[1:]
        low = 0
        while low < len(one):
            at = int(np.searchsorted(ends, low + most - count, side="right"))
            high = int(ends[at - 1]) if at else 0
            if high <= low and held:
                yield Bundle.joined(held)
                held, count = [], 0
                continue
            high = high if high > low else int(ends[at])
            held.append(one.part(low, high))
            count += high - low
            low = high
    if held:
        yield Bundle.joined(held)


def _ends(one: Bundle, most: int) -> Ints:
    """Where rows may be parted: at the end of each channel, and within one of more than `most` rows."""
    if int(one.counts.max(initial=0)) <= most:
        return one.edges[1:]
    cut = [np.arange(low + most, high, most) for low, high in zip(one.edges[:-1], one.edges[1:], strict=True)]
    return np.unique(np.concatenate([one.edges[1:], *cut]))


def _renamed(bundle: Bundle, known: Mapping[Flag, int], low: int = 0, high: int | None = None) -> Ints:
    """Flags of some rows by the numbers of `known`, where those stand that the rows have."""
    own = np.array([known.get(flag, 0) for flag in bundle.flags], dtype=np.int64)
    flag = bundle.flag[low:high]
    return flag if (own == np.arange(len(own))).all() else own[flag]


def _times(parts: Sequence[Bundle], columns: Sequence[Ints | None]) -> Ints | None:
    """None where none is known."""
    if all(column is None for column in columns):
        return None
    return np.concatenate([
        np.full(len(part), UNKNOWN, dtype=np.int64) if column is None else column
        for column, part in zip(columns, parts, strict=True)
    ])  # fmt: skip
