"""Writing down what goes over lines: a file a line, JSON rows, passwords hidden, put aside when it has grown.

``{"time", "line", "protocol", "framing", "direction", "hex"}``: `direction` is ``sent`` by us or ``received``; a row of
what was received is all that came since the row before it, at the time of its first byte, until a frame was whole or
the next request went out. So no frame is cut in two, and no password with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog

from headend.collection.line import LinePath
from headend.config import Config
from headend.dialect import framing_of
from headend.wire.settings import WireLogTable
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.mask import masked
from protocols.traffic import Tap

_MOST_HELD: Final = 4096
"""Bytes without a whole frame after which a row is written all the same."""

_log = structlog.get_logger("wire")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WireLogs:
    """The files in `folder`, which is made. `lost` counts rows that the disk did not take. Raises `OSError`."""

    def __init__(
        self, folder: Path, table: WireLogTable, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lost = 0
        self._folder = folder
        self._table = table
        self._now = now

    @classmethod
    def of(cls, config: Config) -> WireLogs | None:
        """Those that the configuration asks for. Raises `OSError`."""
        table = config.wire_log
        return cls(config.folder / table.directory, table) if table.directory else None

    def tap(self, path: LinePath) -> Tap | None:
        """Of one line; None where it is not to be logged."""
        if self._table.lines and path.name not in self._table.lines:
            return None
        return Tap(_Writer(self, path, framing_of(path.protocol, path.url, path.framing)).show)

    def file(self, line: str) -> Path:
        """Where a line's newest rows are; older ones end in ``.1.jsonl``, ``.2.jsonl``..."""
        return self._folder / f"{quote(line, safe=' ')}.jsonl"

    def now(self) -> datetime:
        return self._now()

    def write(self, line: str, row: dict[str, str]) -> None:
        """A failing disk costs rows of the log, never a reading."""
        path = self.file(line)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n")
                size = file.tell()
            if size > self._table.bytes:
                self._put_aside(path)
        except OSError as error:
            if not self.lost:
                _log.warning("wire log not written", file=str(path), reason=error.strerror)
            self.lost += 1

    def _put_aside(self, path: Path) -> None:
        for number in range(self._table.keep - 1, 0, -1):
            older = path.with_suffix(f".{number}.jsonl")
            if older.exists():
                older.rename(path.with_suffix(f".{number + 1}.jsonl"))
        path.rename(path.with_suffix(".1.jsonl"))


class _Writer:
    """One line's rows."""

    def __init__(self, logs: WireLogs, path: LinePath, framing: str) -> None:
        self._logs = logs
        self._line = path.name
        self._fixed = {"line": path.name, "protocol": path.protocol, "framing": framing}
        self._reader = FrameReader() if path.protocol == "dlt645" else None
        self._held = b""
        self._since = ""

    def show(self, direction: str, raw: bytes) -> None:
        """As `Tap.show`; noise is in what was received already."""
        if direction == ">":
            self._flush()
            self._write(self._stamp(), "sent", raw)
        elif direction == "<":
            self._since = self._since or self._stamp()
            self._held += raw
            if self._reader is not None:
                self._reader.feed(raw)
            if self._reader is None or not self._reader.pending or len(self._held) > _MOST_HELD:
                self._flush()

    def _flush(self) -> None:
        if self._held:
            self._write(self._since, "received", self._held)
        self._held, self._since = b"", ""
        if self._reader is not None:
            self._reader.flush()

    def _write(self, time: str, direction: str, raw: bytes) -> None:
        text = masked(raw) if self._reader is not None else raw.hex(" ").upper()
        self._logs.write(self._line, {"time": time, **self._fixed, "direction": direction, "hex": text})

    def _stamp(self) -> str:
        return self._logs.now().isoformat(timespec="milliseconds")
