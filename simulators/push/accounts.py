"""What a fleet has published and what of it the broker has acknowledged, slot by slot: nothing is lost unseen.

A file of JSON lines, one a slot, written when the slot is complete or the fleet ends:
``{"slot", "messages", "readings", "sent", "acknowledged", "copies", "missing"}``. `missing` are the gateways (from 1)
whose message of that slot nobody has acknowledged: not sent yet, or on its way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simulators.push.schedule import Sending
from simulators.push.table import PushTable


@dataclass(slots=True)
class _Slot:
    acknowledged: npt.NDArray[np.bool_]
    sent: int = 0
    copies: int = 0


class Accounts:
    """Of one fleet; kept in `path` where it is given. Memory: a byte a gateway and open slot. Raises `OSError`."""

    def __init__(self, table: PushTable, path: Path | None) -> None:
        self._table = table
        self._open: dict[int, _Slot] = {}
        self._complete: set[int] = set()
        self._file = path.open("a", encoding="utf-8", buffering=1) if path else None

    def sent(self, sending: Sending) -> None:
        """Just before it goes out."""
        if sending.slot in self._complete:
            return  # a copy of what is safe
        slot = self._open.get(sending.slot)
        if slot is None:
            slot = self._open[sending.slot] = _Slot(np.zeros(self._table.gateways, np.bool_))
        slot.sent += 1
        slot.copies += sending.copy

    def acknowledged(self, sending: object) -> None:
        """By the broker."""
        assert isinstance(sending, Sending)
        slot = self._open.get(sending.slot)
        if slot is None or slot.acknowledged[sending.gateway]:
            return
        slot.acknowledged[sending.gateway] = True
        if slot.sent - slot.copies == self._table.gateways and slot.acknowledged.all():
            self._write(sending.slot, self._open.pop(sending.slot))
            self._complete.add(sending.slot)

    @property
    def slots(self) -> int:
        """That are complete: every message acknowledged."""
        return len(self._complete)

    @property
    def missing(self) -> int:
        """Messages of slots begun that are not acknowledged."""
        return sum(int((~slot.acknowledged).sum()) for slot in self._open.values())

    def close(self) -> None:
        """What is not complete is written as it is."""
        for second in sorted(self._open):
            self._write(second, self._open[second])
        if self._file is not None:
            self._file.close()

    def _write(self, second: int, slot: _Slot) -> None:
        if self._file is None:
            return
        done = int(slot.acknowledged.sum())
        whole = done == self._table.gateways
        meters = self._table.meters if whole else sum(
            len(self._table.meters_of(gateway)) for gateway in np.flatnonzero(slot.acknowledged).tolist()
        )  # fmt: skip
        row: dict[str, Any] = {
            "fleet": self._table.name,
            "slot": datetime.fromtimestamp(second, UTC).isoformat(),
            "messages": self._table.gateways,
            "readings": meters * len(self._table.quantities),
            "sent": slot.sent,
            "acknowledged": done,
            "copies": slot.copies,
            "missing": (np.flatnonzero(~slot.acknowledged) + 1).tolist(),
        }
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
