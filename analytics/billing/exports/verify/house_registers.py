"""Checks register reads in the house format: columns, spans that do not overlap, and values that the registers give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from analytics.billing.exact import EXACT
from analytics.billing.exports.house_registers import COLUMNS, ENDS, TIMES, schema
from analytics.billing.exports.house_registers import EXACT as COUNTED
from analytics.billing.exports.series import Quality, moment
from analytics.billing.exports.verify.cells import seconds, value
from analytics.billing.exports.verify.columns import columns_decimals
from analytics.billing.exports.verify.found import Found

_QUALITIES: Final = frozenset(map(str, Quality))
_PLAIN: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)
_ROLLS: Final = [Decimal(10) ** digits for digits in range(1, 16)]


class RegisterRows:
    """Rows of both kinds come here: times as seconds since 1970, registers, value and ratio as decimals."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._ends: dict[tuple[str, ...], int] = {}
        self._batch: str | None = None

    def row(self, where: str, row: Mapping[str, Any]) -> None:
        bad = self._found.bad
        key = (row["meter_id"], row["point_id"], row["channel"], row["tou"])
        first, last = row["previous_time_utc"], row["current_time_utc"]
        if first >= last:
            bad(where, "time", f"reads from {moment(first)} to {moment(last)}")
        if first < self._ends.get(key, first):
            bad(where, "twice", f"{moment(first)} of {' '.join(key).strip()} lies before the read above it")
        self._ends[key] = last
        for end in ENDS:
            if row[f"{end}_quality"] not in _QUALITIES:
                bad(where, "quality", f"{end}_quality {row[f'{end}_quality']!r}")
            if row[f"{end}_register"] < 0:
                bad(where, "value", f"{end}_register is below zero")
        if not _is_counted(row):
            counted = f"{row['previous_register']} to {row['current_register']} times {row['ct_pt_ratio']}"
            bad(where, "value", f"value {row['value']}, the registers went from {counted}")
        self._batch = self._batch or row["batch_id"]
        if row["batch_id"] != self._batch:
            bad(where, "batch", f"batch {row['batch_id']!r} in a file of {self._batch!r}")
        self._found.quality(row["current_quality"], 1)
        self._found.read(key, row["unit"], 1, row["value"], moment(first), moment(first))


def check_csv_rows(reader: Any, found: Found) -> None:
    """`reader`: of `csv`, behind the heading."""
    made = RegisterRows(found)
    for fields in reader:
        where = f"line {reader.line_num}"
        if len(fields) != len(COLUMNS):
            found.bad(where, "fields", f"{len(fields)} columns, expected {len(COLUMNS)}")
            continue
        row = dict(zip(COLUMNS, fields, strict=True))
        parsed = _parsed(row)
        bad = [name for name, cell in parsed.items() if cell is None]
        if bad:
            found.bad(where, "value", f"{bad[0]} is {row[bad[0]]!r}")
            continue
        made.row(where, row | parsed)


def _parsed(row: Mapping[str, str]) -> dict[str, Any]:
    """What is no text; None where it is not what it should be."""
    return {
        **{name: seconds(row[name]) for name in TIMES},
        **{name: value(row[name]) for name in COUNTED},
        "ct_pt_ratio": _ratio(row["ct_pt_ratio"]),
        "multiplier_applied": {"true": True, "false": False}.get(row["multiplier_applied"]),
    }


def _ratio(text: str) -> Decimal | None:
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def check_parquet_rows(opened: Any, found: Found) -> None:
    """`opened`: a `ParquetFile` with the names of the columns."""
    if columns_decimals(opened.schema_arrow, schema, found) is None:
        return
    made, number = RegisterRows(found), 0
    for batch in opened.iter_batches(batch_size=16_384):
        for row in batch.to_pylist():
            number += 1
            where = f"row {number}"
            ratio = _ratio(row["ct_pt_ratio"] or "")
            if ratio is None or None in row.values():
                found.bad(where, "null", "a cell is empty that may not be, or ct_pt_ratio is no number")
                continue
            made.row(where, row | {"ct_pt_ratio": ratio} | {name: int(row[name].timestamp()) for name in TIMES})


def _is_counted(row: Mapping[str, Any]) -> bool:
    """A register that went down rolled over at a power of ten."""
    ratio = row["ct_pt_ratio"] if row["multiplier_applied"] else Decimal(1)
    went = EXACT.subtract(row["current_register"], row["previous_register"])
    ways = [went] if went >= 0 else [EXACT.add(went, roll) for roll in _ROLLS if roll > row["previous_register"]]
    return any(EXACT.multiply(way, ratio) == row["value"] for way in ways)
