"""What NEM12 and NEM13 have in common for a checker: the frame of 100 and 900, times, qualities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO, Final

from analytics.billing.exports.nem import MARKET, flag_problem
from analytics.billing.exports.verify.found import Found, lines

Fields = list[str]
_PATTERNS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


def walk(file: BinaryIO, version: str, found: Found, record: Callable[[str, Fields], None]) -> None:
    """Hands each record between 100 and 900 to `record`, with where it stands."""
    number, ended = 0, False
    for number, text in lines(file, b"\r\n", found, last=b"900"):
        fields, where = text.split(","), f"line {number}"
        if ended:
            found.bad(where, "end", "something stands after 900")
        elif number == 1:
            _header(fields, version, found)
        elif fields[0] == "900":
            ended = True
            if len(fields) != 1:
                found.bad(where, "fields", "900 has no further fields")
        else:
            record(where, fields)
    if not number:
        found.bad("file", "empty", "there is nothing in it")
    elif not ended:
        found.bad("file", "end", "900 is missing: the file is cut off")


def _header(fields: Fields, version: str, found: Found) -> None:
    if len(fields) != 5 or fields[0] != "100":
        found.bad("line 1", "header", "is no 100 record of five fields")
        return
    if fields[1] != version:
        found.bad("line 1", "header", f"is {fields[1]!r}, expected {version}")
    if time(fields[2], 12) is None:
        found.bad("line 1", "time", f"{fields[2]!r} is no time ccyymmddhhmm")
    for name in fields[3:]:
        if not 1 <= len(name) <= 10:
            found.bad("line 1", "header", f"{name!r} is no participant")


def time(text: str, digits: int) -> datetime | None:
    """At UTC+10; None where it is none."""
    if len(text) != digits or not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.strptime(text, _PATTERNS[digits]).replace(tzinfo=MARKET)
    except ValueError:
        return None


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def flag(where: str, fields: Fields, found: Found) -> None:
    """QualityMethod, ReasonCode, ReasonDescription."""
    problem = flag_problem(fields[0][:1], fields[0][1:], fields[1], fields[2])
    if problem is not None:
        found.bad(where, "quality", problem)
