"""Checks NEM12 files: what no public reader does, counts of intervals and the cover of 400 records, among it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Final

from analytics.billing.exports.nem import DECIMALS, MINUTES, TRANSACTIONS, nmi_problem
from analytics.billing.exports.verify.found import Found
from analytics.billing.exports.verify.mdff import Fields, flag, time, utc, walk

_VALUE: Final = re.compile(r"[0-9]{1,15}(?:\.([0-9]+))?", re.ASCII)
_CODE: Final = {"200": 10, "300": 0, "400": 6, "500": 5}


@dataclass(slots=True)
class _Stream:
    """The 200 record in force."""

    nmi: str
    suffix: str
    unit: str
    minutes: int


class _Check:
    def __init__(self) -> None:
        self.found = Found()
        self.stream: _Stream | None = None
        self.days: dict[tuple[str, str], set[str]] = {}
        self.last: datetime | None = None
        self.variable: str | None = None
        """Where a 300 record stands whose 400 records are due."""
        self.covered = 0
        self.day_known = False

    def record(self, where: str, fields: Fields) -> None:
        width = _CODE.get(fields[0])
        if width is None:
            self.found.bad(where, "record", f"{fields[0]!r} is no record of NEM12")
            return
        if fields[0] in ("200", "300", "500"):
            self.close()
        if width and len(fields) != width:
            self.found.bad(where, "fields", f"{fields[0]} has {len(fields)} fields, expected {width}")
            if fields[0] == "200":
                self.stream = None
            return
        {"200": self.details, "300": self.day, "400": self.event, "500": self.visit}[fields[0]](where, fields)

    def details(self, where: str, fields: Fields) -> None:
        bad = self.found.bad
        _, nmi, configuration, _, suffix, _, _, unit, minutes, next_read = fields
        self.stream, self.last, self.day_known = None, None, False
        problem = nmi_problem(nmi) if len(nmi) == 10 else f"{nmi!r} is no NMI of ten characters"
        if problem is not None:
            bad(where, "nmi", problem)
        if len(suffix) != 2 or suffix not in configuration:
            bad(where, "suffix", f"suffix {suffix!r} is not in the configuration {configuration!r}")
        if unit.upper() not in DECIMALS:
            bad(where, "unit", f"unit {unit!r}")
        if next_read and time(next_read, 8) is None:
            bad(where, "time", f"next read date {next_read!r}")
        if minutes not in map(str, MINUTES):
            bad(where, "interval", f"interval length {minutes!r}, expected 5, 15 or 30")
            return
        self.stream = _Stream(nmi, suffix, unit.upper(), int(minutes))

    def day(self, where: str, fields: Fields) -> None:
        bad, stream = self.found.bad, self.stream
        self.day_known = False
        if stream is None:
            bad(where, "order", "300 without a sound 200 before it")
            return
        count = 1440 // stream.minutes
        if len(fields) != count + 7:
            bad(where, "count", f"{len(fields) - 7} intervals, expected {count}")
            return
        day = time(fields[1], 8)
        if day is None:
            bad(where, "time", f"{fields[1]!r} is no date")
            return
        self._placed(where, stream, fields[1], day)
        total = self._values(where, fields[2 : 2 + count], stream)
        quality = fields[2 + count : 5 + count]
        if quality[0] == "V":
            if quality[1] or quality[2]:
                bad(where, "quality", "V has no reason")
            self.variable, self.covered = where, 0
        else:
            flag(where, quality, self.found)
            self.found.quality(quality[0][:1], count)
        self._stamps(where, fields[5 + count :])
        self.day_known = True
        last = day + timedelta(minutes=1440 - stream.minutes)
        self.found.read((stream.nmi, stream.suffix), stream.unit, count, total, utc(day), utc(last))

    def _placed(self, where: str, stream: _Stream, text: str, day: datetime) -> None:
        known = self.days.setdefault((stream.nmi, stream.suffix), set())
        if text in known:
            self.found.bad(where, "twice", f"{stream.nmi} {stream.suffix} has {text} twice")
        elif self.last is not None and day < self.last:
            self.found.bad(where, "order", f"{text} stands after {self.last:%Y%m%d}")
        known.add(text)
        self.last = day

    def _values(self, where: str, texts: Fields, stream: _Stream) -> Decimal:
        total = Decimal(0)
        most = DECIMALS.get(stream.unit, 6)
        for at, text in enumerate(texts, 1):
            match = _VALUE.fullmatch(text)
            if match is None:
                self.found.bad(where, "value", f"interval {at} is {text!r}")
                continue
            if len(match[1] or "") > most:
                self.found.bad(
                    where, "decimals", f"interval {at} is {text}: more than {most} decimals of {stream.unit}"
                )
            total += Decimal(text)
        return total

    def _stamps(self, where: str, fields: Fields) -> None:
        updated, loaded = fields
        if time(updated, 14) is None:
            self.found.bad(where, "time", f"update time {updated!r}")
        if loaded and time(loaded, 14) is None:
            self.found.bad(where, "time", f"load time {loaded!r}")

    def event(self, where: str, fields: Fields) -> None:
        bad = self.found.bad
        if self.variable is None or self.stream is None:
            bad(where, "order", "400 is not below a 300 of quality V")
            return
        if not (fields[1].isdecimal() and fields[2].isdecimal()):
            bad(where, "cover", f"intervals {fields[1]!r} to {fields[2]!r}")
            return
        start, end = int(fields[1]), int(fields[2])
        if start != self.covered + 1 or not start <= end <= 1440 // self.stream.minutes:
            bad(where, "cover", f"intervals {start} to {end} where {self.covered + 1} comes next")
        flag(where, fields[3:], self.found)
        self.found.quality(fields[3][:1], max(end - start + 1, 0))
        self.covered = max(self.covered, end)

    def visit(self, where: str, fields: Fields) -> None:
        if not self.day_known:
            self.found.bad(where, "order", "500 is not below a 300")
        if fields[1] not in TRANSACTIONS:
            self.found.bad(where, "transaction", f"transaction {fields[1]!r}")
        if time(fields[3], 14) is None:
            self.found.bad(where, "time", f"read time {fields[3]!r}")

    def close(self) -> None:
        """The 400 records of a day are over."""
        if self.variable is not None and self.stream is not None:
            count = 1440 // self.stream.minutes
            if self.covered != count:
                self.found.bad(self.variable, "cover", f"400 records end at {self.covered} of {count}")
        self.variable = None


def check(file: BinaryIO) -> Found:
    made = _Check()
    walk(file, "NEM12", made.found, made.record)
    made.close()
    return made.found
