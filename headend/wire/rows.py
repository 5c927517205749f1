"""Reading wire logs, the daemon's and the simulators': both are JSON rows of a time, a direction and bytes in hex."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from headend.errors import UsageFault

_DIRECTIONS: Final = frozenset(("sent", "received", "noise"))


@dataclass(frozen=True, slots=True)
class WireRow:
    """`request`: a master said it. `raw` is None where a password is hidden in it."""

    time: datetime
    line: str
    protocol: str
    framing: str
    request: bool
    raw: bytes | None


def read_rows(path: Path) -> Iterator[WireRow]:
    """In the file's order; half a last row is left out. Raises `UsageFault` naming file and line, and `OSError`."""
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return
            try:
                yield _row(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsageFault(f"{path}:{number}: no row of a wire log: {error!r}") from error


def by_line(rows: Iterable[WireRow]) -> dict[str, list[WireRow]]:
    """Each line's rows, in the order of time."""
    found: dict[str, list[WireRow]] = {}
    for row in rows:
        found.setdefault(row.line, []).append(row)
    return {line: sorted(rows, key=lambda row: row.time) for line, rows in found.items()}


def _row(told: dict[str, Any]) -> WireRow:
    """A simulator's row has a `bus`, and tells what its meters received and sent."""
    direction = told["direction"]
    if direction not in _DIRECTIONS:
        raise ValueError(f"direction {direction!r}")
    ours = "line" in told
    text = told["hex"]
    return WireRow(
        datetime.fromisoformat(told["time"]),
        told["line"] if ours else f"{told['bus']}/{told['path']}",
        told.get("protocol", ""),
        told.get("framing", ""),
        direction == ("sent" if ours else "received"),
        None if "**" in text else bytes.fromhex(text),
    )
