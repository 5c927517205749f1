"""A batch's files from the validated days that it stands on: the same run, book and batch give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from analytics.billing.exports.formats import INTERVALS, REGISTERS
from analytics.billing.exports.manifest import NAME, Digest, Tally, encoded, seconds
from analytics.billing.exports.nem13 import Consumption
from analytics.billing.exports.series import Batch
from headend.batches.asked import local_days
from headend.batches.book import Point, by_market_day, points_of
from headend.batches.completeness import Completeness
from headend.batches.folder import HalfFolder
from headend.batches.pulled import worked
from headend.batches.register_reads import completeness_of, consumptions_of
from headend.batches.series import Cut, LeftOut
from protocols.quantities import BY_ID
from storage.validated import Validated, Which
from storage.validated_days import Days


@dataclass(frozen=True, slots=True)
class Basis:
    """What bytes are made of. `content` is kept with the batch: book, zone of the days, length of intervals."""

    form: str
    batch: Batch
    as_of: int
    content: Mapping[str, Any]

    @property
    def points(self) -> list[Point]:
        return points_of(self.content["points"])


@dataclass(frozen=True, slots=True)
class Written:
    manifest: bytes
    completeness: Mapping[str, Any]


async def written(basis: Basis, conninfo: str, half: HalfFolder | None) -> Written:
    """Files and manifest into `half`; None: counted only. Raises `ExportFault`, `HeadendError`, `StorageError`."""
    if "consumptions" in basis.content:
        return _registers(basis, half)
    points = basis.points
    step_s = basis.content["step_s"]
    quantities = sorted({quantity for point in points for quantity in point.quantities})
    since, until = local_days(basis.batch.start, basis.batch.end, ZoneInfo(basis.content["days_zone"]))
    which = Which([point.id for point in points], [BY_ID[quantity] for quantity in quantities], step_s, since, until)
    async with Validated(conninfo) as validated:
        days = validated.days(which, basis.as_of)
        return await worked(days, lambda batches: _intervals(basis, points, batches, half))


def _intervals(basis: Basis, points: Sequence[Point], days: Iterator[Days], half: HalfFolder | None) -> Written:
    form, batch, step_s = INTERVALS[basis.form], basis.batch, basis.content["step_s"]
    left_out = LeftOut()
    cut = Cut(points, step_s, (seconds(batch.start), seconds(batch.end)), basis.form == "nem12", left_out)
    completeness = Completeness.of(points, cut.places)
    tally = Tally(batch, form.named)
    tally.expect((place.channel, place.expected) for place in cut.places)
    digest = Digest(f"{batch.batch_id}{form.suffix}")
    bundles = completeness.counted(tally.intervals(cut.bundles(days)))
    chunks = digest.through(form.write(bundles, batch))
    _through(chunks, digest, half)
    manifest = encoded(tally.content((form.name, form.version), [digest]))
    return _finished(manifest, completeness.told(points, left_out), half)


def _registers(basis: Basis, half: HalfFolder | None) -> Written:
    form, batch = REGISTERS[basis.form], basis.batch
    tally = Tally(batch, form.named)
    digest = Digest(f"{batch.batch_id}{form.suffix}")
    reads: list[Consumption] = consumptions_of(basis.content["consumptions"])
    _through(digest.through(form.write(tally.consumptions(reads), batch)), digest, half)
    manifest = encoded(tally.content((form.name, form.version), [digest]))
    return _finished(manifest, completeness_of(basis.content), half)


def _through(chunks: Iterable[bytes], digest: Digest, half: HalfFolder | None) -> None:
    if half is not None:
        half.write(digest.name, chunks)
        return
    for _ in chunks:
        pass


def _finished(manifest: bytes, completeness: Mapping[str, Any], half: HalfFolder | None) -> Written:
    if half is not None:
        half.write(NAME, [manifest])
    return Written(manifest, completeness)


def market(points: Iterable[Point]) -> list[Point]:
    """As NEM12 wants them: days at UTC+10 belong to one meter."""
    return [Point(p.id, p.name, by_market_day(p.pieces), p.quantities, p.registers) for p in points]
