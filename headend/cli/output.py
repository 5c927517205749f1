"""Where results go: stdout, as tables for people or JSON for programs. Reasons and logs go to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TextIO


def _spell(value: Any) -> str:
    """What JSON has no word for: exact decimals as strings, times in ISO 8601 with offset."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a printed time carries a zone")
        return value.isoformat()
    return str(value)


_WIDEST: Final = 1_000_000


class Output:
    """The stdout of one command, or the file that stands for it."""

    def __init__(self, as_json: bool, file: TextIO | None = None) -> None:
        self.as_json = as_json
        self._file = file

    def document(self, content: Any) -> None:
        """One JSON object on a line of its own: the only document, or one of a stream."""
        print(json.dumps(content, ensure_ascii=False, default=_spell), file=self._file, flush=True)

    def text(self, line: str = "") -> None:
        """A line for people; nothing under --json."""
        if not self.as_json:
            print(line, flush=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
        """A table for people; nothing under --json. Column names ending in ``>`` are set flush right."""
        if self.as_json:
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for name in columns:
            table.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left", no_wrap=True)
        for row in rows:
            table.add_row(*("" if cell is None else _spell(cell) for cell in row))
        console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False, emoji=False)
        console.width = _WIDEST  # a cell is never cut: a terminal breaks what is too wide for it
        console.print(table)

    def failure(self, reason: str, kind: str = "failed", **more: Any) -> None:
        """The reason on stderr, and in the JSON."""
        print(f"headend: {reason}", file=sys.stderr, flush=True)
        if self.as_json:
            self.document({"error": {"kind": kind, "message": reason}, **more})
