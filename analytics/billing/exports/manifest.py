"""What a batch claims to hold, beside its files: a receiver reconciles against it. JSON with sorted keys.

Numbers of energy are exact decimal texts, times ISO 8601 in UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.errors import ExportFault
from analytics.billing.exports.nem13 import Consumption
from analytics.billing.exports.series import Batch, Channel, Flag, moment

NAME: Final = "manifest.json"
KIND: Final = "headend-billing-batch"
_SECOND: Final = timedelta(seconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, ...]


class _Sum(msgspec.Struct, gc=False):
    channel: Channel
    expected: int | None
    reads: int = 0
    total: int = 0
    first: int = 0
    last: int = 0


class _Line(msgspec.Struct, frozen=True, gc=False):
    """A series as the manifest tells it."""

    key: Key
    unit: str
    reads: int
    expected: int | None
    missing: int | None
    total: str
    first: str | None
    last: str | None


@dataclass(slots=True)
class Tally:
    """Counts what goes through it on its way to a writer. `named`: how the format tells series apart. Of a series the
    whole period is expected, unless `expect` said what is."""

    batch: Batch
    named: Callable[[Channel], Key]
    _sums: dict[Key, _Sum] = field(default_factory=dict)
    _qualities: dict[str, int] = field(default_factory=dict)

    def expect(self, expected: Iterable[tuple[Channel, int]]) -> None:
        """So many intervals of each channel, before any comes; what does not come is counted as missing."""
        for channel, intervals in expected:
            known = self._of(channel, 0)
            known.expected = (known.expected or 0) + intervals

    def intervals(self, bundles: Iterable[Bundle]) -> Iterator[Bundle]:
        """The same ones. Raises `ExportFault` for an interval outside the batch's period."""
        start, end = seconds(self.batch.start), seconds(self.batch.end)
        whole = end - start
        for one in bundles:
            if len(one):
                steps = [channel.step_s for channel in one.channels]
                outside = (one.firsts < start) | (one.lasts + steps > end)
                if outside.any():
                    raise one.fault(int(one.edges[outside.argmax()]), "an interval outside the batch's period")
                columns = (one.counts.tolist(), one.sums(), one.firsts.tolist(), one.lasts.tolist())
                for channel, reads, total, first, last in zip(one.channels, *columns, strict=True):
                    self._add(channel, reads, total, first, last, whole // channel.step_s)
                for flag, reads in zip(one.flags, one.reads.sum(axis=0).tolist(), strict=True):
                    self._quality(flag, reads)
            yield one

    def consumptions(self, consumptions: Iterable[Consumption]) -> Iterator[Consumption]:
        for one in consumptions:
            start = seconds(one.previous.time)
            self._add(one.channel, 1, one.quantity, start, start, None)
            self._quality(one.current.flag, 1)
            yield one

    def _of(self, channel: Channel, expected: int | None) -> _Sum:
        """`expected`: of a series that is new."""
        key = self.named(channel)
        known = self._sums.get(key)
        if known is None:
            known = self._sums[key] = _Sum(channel, expected)
        had = known.channel
        if had is not channel and (had.unit, had.step_s) != (channel.unit, channel.step_s):
            raise ExportFault(channel.point, channel.channel, "unit or interval change within a batch")
        if channel.decimals > had.decimals:
            known.total *= 10 ** (channel.decimals - had.decimals)
            known.channel = channel
        return known

    def _add(self, channel: Channel, reads: int, total: int, first: int, last: int, expected: int | None) -> None:
        known = self._of(channel, expected)
        known.first = min(known.first, first) if known.reads else first
        known.last = max(known.last, last) if known.reads else last
        known.reads += reads
        known.total += total * 10 ** (known.channel.decimals - channel.decimals)

    def _quality(self, flag: Flag, reads: int) -> None:
        if reads:
            self._qualities[flag.quality] = self._qualities.get(flag.quality, 0) + reads

    def content(self, form: tuple[str, str], files: Sequence[Digest]) -> dict[str, object]:
        """The manifest of what went through. `form`: name and version of the format."""
        batch = self.batch
        keys = sorted(self._sums)
        series = [_told(key, self._sums[key]) for key in keys]
        reads = sum(one.reads for one in self._sums.values())
        expected = sum(one.reads if one.expected is None else one.expected for one in self._sums.values())
        there = [key for key in keys if self._sums[key].reads]
        return {
            "kind": KIND,
            "batch_id": batch.batch_id,
            "sequence": batch.sequence,
            "format": form[0],
            "format_version": form[1],
            "generator": batch.generator,
            "period": {"start": _iso(batch.start), "end": _iso(batch.end)},
            "cut_off": _iso(batch.cut_off or batch.created),
            "created": _iso(batch.created),
            "zone": batch.zone.key,
            "sender": batch.sender,
            "receiver": batch.receiver,
            "counts": {
                "reads": reads,
                "expected": expected,
                "missing": expected - reads,
                "by_quality": self._qualities,
            },
            "series": series,
            "first_key": [*there[0], moment(self._sums[there[0]].first)] if there else None,
            "last_key": [*there[-1], moment(self._sums[there[-1]].last)] if there else None,
            "previous_manifest_sha256": batch.previous,
            "supersedes": batch.supersedes,
            "reason": batch.reason,
            "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files],
        }


class Digest:
    """Size and SHA-256 of a file while it is written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0
        self._hash = hashlib.sha256()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            self._hash.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def encoded(content: dict[str, object]) -> bytes:
    """The bytes of the file; the next manifest names their SHA-256."""
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=1) + b"\n"


def seconds(time: datetime) -> int:
    return (time - _EPOCH) // _SECOND


def _told(key: Key, known: _Sum) -> _Line:
    return _Line(
        key,
        known.channel.unit,
        known.reads,
        known.expected,
        None if known.expected is None else known.expected - known.reads,
        _decimal(known.total, known.channel.decimals),
        moment(known.first) if known.reads else None,
        moment(known.last) if known.reads else None,
    )


def _decimal(value: int, decimals: int) -> str:
    digits = f"{abs(value):0{decimals + 1}}"
    places = len(digits) - decimals
    return ("-" if value < 0 else "") + digits[:places] + ("." + digits[places:] if decimals else "")


def _iso(time: datetime) -> str:
    return moment(seconds(time))
