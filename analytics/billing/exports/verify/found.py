"""What a checker found in one file: what is wrong, and what it read, to be held against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, Final

from analytics.billing.exact import EXACT

MOST: Final = 1_000
"""Findings that are kept of one file; the others are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`where`: line, record or series; `code`: one word for programs."""

    where: str
    code: str
    message: str


@dataclass(slots=True)
class Sum:
    """What one series of a file comes to. `first`, `last`: starts of its intervals, ISO 8601 in UTC."""

    unit: str
    reads: int
    total: Decimal
    first: str
    last: str


@dataclass(slots=True)
class Found:
    """`sums` by the names that the format gives a series; `qualities`: reads by quality, if its are ours."""

    findings: list[Finding] = field(default_factory=list)
    passed_over: int = 0
    sums: dict[tuple[str, ...], Sum] = field(default_factory=dict)
    qualities: dict[str, int] | None = None

    def bad(self, where: str, code: str, message: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(where, code, message))
        else:
            self.passed_over += 1

    def read(self, key: tuple[str, ...], unit: str, reads: int, total: Decimal, first: str, last: str) -> None:
        """So many more reads of the series `key`, in order of time."""
        known = self.sums.get(key)
        if known is None:
            self.sums[key] = Sum(unit, reads, total, first, last)
            return
        known.reads += reads
        known.total = EXACT.add(known.total, total)
        known.first, known.last = min(known.first, first), max(known.last, last)

    def quality(self, name: str, reads: int) -> None:
        if self.qualities is None:
            self.qualities = {}
        self.qualities[name] = self.qualities.get(name, 0) + reads


def lines(file: BinaryIO, ending: bytes, found: Found, last: bytes = b"") -> Iterator[tuple[int, str]]:
    """Numbered lines as text without `ending`; one that ends otherwise, or is no UTF-8, is a finding.

    `last` may end the file without an ending.
    """
    for number, raw in enumerate(file, 1):
        if not raw.endswith(ending) and raw != last:
            found.bad(f"line {number}", "ending", f"does not end in {ending!r}")
        try:
            yield number, raw.rstrip(b"\r\n").decode("utf-8")
        except UnicodeDecodeError as error:
            found.bad(f"line {number}", "encoding", f"no UTF-8: {error.reason}")
