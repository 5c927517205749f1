"""Every frame that meters were sent and sent back, one JSON object a line, for whoever has to prove what was sent.

``{"time", "bus", "path", "direction", "hex", ...}``: `path` counts the ways to a bus (connections); `direction` is
``received`` or ``sent`` by the meters, ``noise`` for bytes that were no frame; `time` of an answer is when it begins to
go out. For DL/T 645 also `address`, `control` and, for control frames, `command`; passwords are not shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


class WireLog:
    """Appends to `path`; what has been written is the system's. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, time: datetime, bus: str, path: int, direction: str, told: Mapping[str, str]) -> None:
        row = {"time": time.isoformat(), "bus": bus, "path": path, "direction": direction, **told}
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()
