"""What a batch is asked for: the same request is the same batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from analytics.billing.exports.formats import INTERVALS, REGISTERS
from analytics.billing.exports.manifest import seconds
from analytics.billing.exports.nem import OFFSET_S
from analytics.billing.exports.series import moment
from headend.batches.settings import ExportTable
from headend.errors import UsageFault
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from storage.entries import UsagePoint
from storage.validated import Which

MARKET_ZONE: Final = ZoneInfo("Etc/GMT-10")
"""UTC+10 all year, in which NEM12 and NEM13 have their days."""
MARKET_FORMATS: Final = frozenset({"nem12", "nem13"})
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`points` in the order of their ids. `days_zone`: of the validated days; `zone`: of the file."""

    form: str
    what: str
    start: datetime
    end: datetime
    points: tuple[UsagePoint, ...]
    quantities: tuple[Quantity, ...]
    step_s: int
    zone: ZoneInfo
    days_zone: ZoneInfo
    sender: str
    receiver: str
    decimals: int
    seed: str

    @property
    def version(self) -> str:
        return (INTERVALS if self.what == "intervals" else REGISTERS)[self.form].version

    def request(self) -> dict[str, Any]:
        """As JSON: whatever differs here is another request."""
        return {
            "format": self.form,
            "format_version": self.version,
            "what": self.what,
            "start": moment(seconds(self.start)),
            "end": moment(seconds(self.end)),
            "points": [point.name for point in self.points],
            "quantities": [quantity.name for quantity in self.quantities],
            "step_s": self.step_s,
            "zone": self.zone.key,
            "days_zone": self.days_zone.key,
            "sender": self.sender,
            "receiver": self.receiver,
            "decimals": self.decimals,
            "seed": self.seed,
        }

    @property
    def subject(self) -> bytes:
        return digest(self.request())

    def which(self) -> Which:
        since, until = self.local_days()
        return Which([point.id for point in self.points], self.quantities, self.step_s, since, until)

    def local_days(self) -> tuple[date, date]:
        """Validated days [since, until) that the period touches."""
        return local_days(self.start, self.end, self.days_zone)


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[date, date]:
    return start.astimezone(zone).date(), (end - _MOMENT).astimezone(zone).date() + timedelta(days=1)


def digest(content: object) -> bytes:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()


def asked(
    form: str,
    what: str,
    span: tuple[datetime, datetime],
    points: tuple[UsagePoint, ...],
    table: ExportTable,
    validated: tuple[tuple[Quantity, ...], int],
    days_zone: ZoneInfo,
    participants: tuple[str, str] | None = None,
) -> Asked:
    """`validated`: quantities, and length of an interval in seconds.

    Raises `UsageFault` for a period that the format cannot have, or participants that it cannot name.
    """
    if what == "registers" and form not in REGISTERS:
        raise UsageFault(f"registers are written as {', '.join(REGISTERS)}, not as {form}")
    if what == "intervals" and form not in INTERVALS:
        raise UsageFault(f"{form} holds registers: --what registers")
    start, end = span
    if start >= end:
        raise UsageFault("--from is not before --to")
    step_s = validated[1]
    is_market = form in MARKET_FORMATS
    for option, time in (("--from", start), ("--to", end)):
        if is_market and (seconds(time) + OFFSET_S) % 86_400:
            raise UsageFault(f"{option} {time.isoformat()}: days of {form} begin at midnight of UTC+10")
        if time.microsecond or seconds(time) % step_s:
            raise UsageFault(f"{option} {time.isoformat()}: no interval of {step_s} s begins then")
    sender, receiver = participants or (table.sender, table.receiver)
    for name in (sender, receiver):
        if is_market and not (1 <= len(name) <= 10 and name.isascii() and name.isalnum()):
            raise UsageFault(f"participant {name!r}: {form} wants one to ten letters and digits")
    quantities = [BY_NAME[name] for name in table.quantities] or validated[0]
    return Asked(
        form=form,
        what=what,
        start=start,
        end=end,
        points=tuple(sorted(points, key=lambda point: point.id)),
        quantities=tuple(sorted(quantities, key=lambda quantity: quantity.id)),
        step_s=step_s,
        zone=MARKET_ZONE if is_market else days_zone,
        days_zone=days_zone,
        sender=sender,
        receiver=receiver,
        decimals=table.decimals,
        seed=table.seed,
    )
