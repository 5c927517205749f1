"""Checks NEM13 files: records, order, codes, times. A quantity below zero takes back what was estimated too high."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import BinaryIO, Final

from analytics.billing.exports.nem import DECIMALS, TRANSACTIONS, nmi_problem
from analytics.billing.exports.verify.found import Found
from analytics.billing.exports.verify.mdff import Fields, flag, time, utc, walk

_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.([0-9]+))?", re.ASCII)


class _Check:
    def __init__(self) -> None:
        self.found = Found()
        self.seen: set[tuple[str, ...]] = set()
        self.after_read = False

    def record(self, where: str, fields: Fields) -> None:
        if fields[0] == "250":
            self.after_read = self._read(where, fields)
        elif fields[0] == "550":
            self._visit(where, fields)
            self.after_read = False
        else:
            self.found.bad(where, "record", f"{fields[0]!r} is no record of NEM13")

    def _read(self, where: str, fields: Fields) -> bool:
        bad = self.found.bad
        if len(fields) != 23:
            bad(where, "fields", f"250 has {len(fields)} fields, expected 23")
            return False
        nmi, register, suffix, unit, quantity = fields[1], fields[3], fields[4], fields[19].upper(), fields[18]
        problem = nmi_problem(nmi) if len(nmi) == 10 else f"{nmi!r} is no NMI of ten characters"
        if problem is not None:
            bad(where, "nmi", problem)
        if fields[7] not in ("E", "I"):
            bad(where, "direction", f"direction {fields[7]!r}")
        moments = [time(fields[at + 1], 14) for at in (8, 13)]
        for at in (8, 13):
            if _NUMBER.fullmatch(fields[at]) is None:
                bad(where, "value", f"register {fields[at]!r}")
            flag(where, fields[at + 2 : at + 5], self.found)
        if unit not in DECIMALS:
            bad(where, "unit", f"unit {fields[19]!r}")
        match = _NUMBER.fullmatch(quantity.removeprefix("-"))
        if match is None or len(match[1] or "") > DECIMALS.get(unit, 6):
            bad(where, "value", f"quantity {quantity!r}")
        self._tail(where, fields[20:])
        previous, current = moments
        if previous is None or current is None or previous >= current:
            bad(where, "time", f"reads from {fields[9]!r} to {fields[14]!r}")
            return True
        key = (nmi, register, suffix, fields[9])
        if key in self.seen:
            bad(where, "twice", f"{' '.join(key)} is there twice")
        self.seen.add(key)
        if match is not None:
            self.found.quality(fields[15][:1], 1)
            self.found.read((nmi, suffix, register), unit, 1, Decimal(quantity), utc(previous), utc(previous))
        return True

    def _tail(self, where: str, fields: Fields) -> None:
        for text, digits, needed in zip(fields, (8, 14, 14), (False, True, False), strict=True):
            if (text or needed) and time(text, digits) is None:
                self.found.bad(where, "time", f"{text!r} is no time of {digits} digits")

    def _visit(self, where: str, fields: Fields) -> None:
        if not self.after_read:
            self.found.bad(where, "order", "550 is not below a 250")
        if len(fields) != 5:
            self.found.bad(where, "fields", f"550 has {len(fields)} fields, expected 5")
            return
        for code in (fields[1], fields[3]):
            if code and code not in TRANSACTIONS:
                self.found.bad(where, "transaction", f"transaction {code!r}")


def check(file: BinaryIO) -> Found:
    made = _Check()
    walk(file, "NEM13", made.found, made.record)
    return made.found
