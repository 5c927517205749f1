"""Energy by bands that the meter does not know: from its total register, read whenever the band changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from analytics.billing.determinants import utc
from analytics.billing.tariff.tariff import Tariff
from analytics.errors import RegisterBackwards, RegisterMissing
from analytics.registers import RegisterSegment

MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Run:
    """One band in [start, end), UTC."""

    start: datetime
    end: datetime
    band: str


def runs(tariff: Tariff, start: datetime, end: datetime) -> list[Run]:
    """The bands of a span one after the other, by the local clock; empty where the tariff has none by the clock."""
    found: list[Run] = []
    begins = moment = utc(start)
    band = tariff.band_at(moment)
    while moment < utc(end):
        moment = min(moment + MINUTE, utc(end))
        following = tariff.band_at(moment) if moment < utc(end) else ""
        if moment == utc(end) or following != band:
            if band:
                found.append(Run(begins, moment, band))
            begins, band = moment, following
    return found


def by_band(
    segments: Iterable[RegisterSegment], reads: Mapping[tuple[str, datetime], Decimal], spans: Sequence[Run]
) -> dict[str, Decimal]:
    """kWh by band over the segments of a point. `reads`: registers by meter and moment (UTC).

    Raises `RegisterMissing` where one was not read when the band changed, `RegisterBackwards`.
    """
    found = {span.band: Decimal(0) for span in spans}
    for segment in segments:
        start, end = utc(segment.start), utc(segment.end)
        for span in spans:
            first, last = max(span.start, start), min(span.end, end)
            if first >= last:
                continue
            before, after = (_value(segment, moment, reads) for moment in (first, last))
            if after < before:
                raise RegisterBackwards(segment.meter, first, last, before, after)
            found[span.band] += (after - before) * segment.multiplier
    return found


def _value(segment: RegisterSegment, moment: datetime, reads: Mapping[tuple[str, datetime], Decimal]) -> Decimal:
    edges = {utc(segment.start): segment.initial, utc(segment.end): segment.final}
    value = edges[moment] if moment in edges else reads.get((segment.meter, moment))
    if value is None:
        raise RegisterMissing(segment.meter, moment)
    return value
