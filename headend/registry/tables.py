"""CSV files with a heading: their good rows, and every bad one by file, row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from headend.errors import UsageFault
from headend.registry.cells import WrongCell

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BadRow:
    """`row` counts from 1, the heading."""

    file: str
    row: int
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: row {self.row}: {self.key}: {self.problem}"


class BadRegistry(UsageFault):
    """Nothing was imported; `rows` says why, all of it."""

    def __init__(self, rows: Collection[BadRow]) -> None:
        super().__init__(
            f"{len(rows)} bad row{'s' if len(rows) != 1 else ''}, nothing was imported\n" + "\n".join(map(str, rows))
        )
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns of a file."""

    needed: tuple[str, ...]
    allowed: tuple[str, ...] = ()
    key: str = ""
    """The column whose cells differ from row to row, if there is one."""


def read(
    path: Path,
    heading: Heading,
    parse: Callable[[Mapping[str, str]], R],
    bad: list[BadRow],
    claimed: set[str] | None = None,
) -> Iterator[tuple[int, R]]:
    """The good rows with their numbers; the others go to `bad`. UTF-8, with or without BOM.

    `claimed` is given every key, of bad rows too: what refers to one of them is not wrong for that. Raises `UsageFault`
    where the file is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageFault(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageFault(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from _table(path, table, heading, parse, bad, set() if claimed is None else claimed)
    except csv.Error as error:
        raise UsageFault(f"{path}: line {table.line_num}: {error}") from error


def _table(
    path: Path,
    table: Iterable[list[str]],
    wanted: Heading,
    parse: Callable[[Mapping[str, str]], R],
    bad: list[BadRow],
    claimed: set[str],
) -> Iterator[tuple[int, R]]:
    rows = enumerate(table, start=1)
    heading = [name.strip() for name in next(rows, (1, []))[1]]
    needed, allowed = wanted.needed, wanted.allowed
    flaws = [
        *(f"lacks {n}" for n in needed if n not in heading),
        *(f"has unknown {n}" for n in _unknown(heading, (*needed, *allowed))),
        *(f"has {n} twice" for n in sorted({n for n in heading if n and heading.count(n) > 1})),
    ]
    if flaws:
        more = f" and perhaps {','.join(allowed)}" if allowed else ""
        raise UsageFault(f"{path}: heading {', '.join(flaws)}; expected {','.join(needed)}{more}")
    seen: dict[str, int] = {}
    blank = dict.fromkeys(heading, "")
    for row, raw in rows:
        cells = blank | {key: cell.strip() for key, cell in zip(heading, raw, strict=False)}
        if not any(cells.values()) and len(raw) <= len(heading):
            continue
        try:
            _check(cells, raw, heading, needed)
            key = cells.get(wanted.key, "")
            if key in seen:
                raise WrongCell(wanted.key, f"{key!r} stands in row {seen[key]} too")
            if wanted.key:
                seen[key] = row
                claimed.add(key)
            yield row, parse(cells)
        except WrongCell as wrong:
            bad.append(BadRow(str(path), row, wrong.key, wrong.problem))


def _check(cells: Mapping[str, str], raw: list[str], heading: list[str], needed: tuple[str, ...]) -> None:
    if len(raw) > len(heading):
        raise WrongCell("row", f"has more than {len(heading)} cells")
    for key, cell in cells.items():
        if "\0" in cell:
            raise WrongCell(key, f"{cell!r} holds a NUL")
    for key in needed:
        if not cells[key]:
            raise WrongCell(key, "is empty")


def _unknown(heading: Iterable[str], known: Collection[str]) -> list[str]:
    return [name or "an empty column" for name in heading if name not in known]
