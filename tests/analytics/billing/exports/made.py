"""Series, batches and files for the tests of exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import numpy as np

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.formats import INTERVALS
from analytics.billing.exports.manifest import Digest, Tally, encoded, seconds
from analytics.billing.exports.series import ACTUAL, Batch, Channel, Flag, Quality, Register, Series
from analytics.billing.exports.verify import batch as batch_check
from analytics.billing.exports.verify.found import Found

SYDNEY = ZoneInfo("Australia/Sydney")
START = datetime(2026, 1, 31, 14, tzinfo=UTC)
"""Midnight of 1 February at UTC+10."""
SUBSTITUTED = Flag(
    Quality.SUBSTITUTED, source="vee", method="14", reason="76", note="Communications fault", rule="like-day", version=2
)


def batch(days: int = 2, start: datetime = START, zone: ZoneInfo = SYDNEY, decimals: int = 3) -> Batch:
    end = start + timedelta(days=days)
    return Batch("B-0001", 1, start, end, end + timedelta(hours=3), zone, "MDP1", "RETAILER1", decimals=decimals)


def channel(
    point: str = "P1", nmi: str = "2001985732", suffix: str = "E1", step_s: int = 1800, decimals: int = 3
) -> Channel:
    obis = "1-0:1.8.0" if suffix.startswith("E") else "1-0:2.8.0"
    names = Register(nmi, suffix, "E1B1", "001", "N1", "M-77")
    return Channel(point, f"{point}-M", obis, "kWh", decimals, step_s, register=names)


def series(
    of: Channel,
    values: Sequence[int],
    flag: Sequence[int] | None = None,
    flags: tuple[Flag, ...] = (ACTUAL, SUBSTITUTED),
    start: datetime = START,
) -> Series:
    count = len(values)
    starts = seconds(start) + of.step_s * np.arange(count, dtype=np.int64)
    index = np.zeros(count, dtype=np.int64) if flag is None else np.array(flag, dtype=np.int64)
    return Series(of, starts, np.array(values, dtype=np.int64), index, flags)


def alone(given: Iterable[Series]) -> list[Bundle]:
    """Each by itself."""
    return [Bundle.of([one]) for one in given]


def two_points(days: int = 2) -> list[Series]:
    """Two channels of one point, one of another, with substituted intervals."""
    count = days * 48
    mixed = [1 if 10 <= at < 14 or at == 47 else 0 for at in range(count)]
    return [
        series(channel(), [at * 7 % 1999 for at in range(count)], mixed),
        series(channel(suffix="B1"), [at * 13 % 501 for at in range(count)]),
        series(channel("P2", "QAAAVZZZZZ"), [10**9 + at for at in range(count)], [1] * count),
    ]


def written(form: str, of: Sequence[Series], into: Batch) -> tuple[bytes, bytes]:
    """A file and its manifest."""
    kind = INTERVALS[form]
    tally, digest = Tally(into, kind.named), Digest(f"{into.batch_id}{kind.suffix}")
    data = b"".join(digest.through(kind.write(tally.intervals(alone(of)), into)))
    return data, encoded(tally.content((kind.name, kind.version), [digest]))


def checked(manifest: bytes, files: Mapping[str, bytes]) -> Found:
    def opened(name: str) -> BytesIO:
        if name not in files:
            raise FileNotFoundError(2, "no such file", name)
        return BytesIO(files[name])

    return batch_check.check(manifest, opened)


def codes(found: Found) -> set[str]:
    return {finding.code for finding in found.findings}
