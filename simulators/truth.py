"""What every meter really had at every moment, written down before it is so.

A CSV file: ``meter,quantity,from,value``; `from` is UTC in ISO 8601, `value` an exact decimal, empty where the meter
has none. A row holds until the next one of the same meter and quantity. Values come straight from the meters, never
through a protocol. What has been flushed is the system's: whoever else is killed, the file stays whole.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from protocols.model import Quantity
from simulators.meter import VirtualMeter

STOLEN: Final = "stolen_energy"
"""kWh that were used behind the meter and not counted, since the first theft began."""
_HEADER: Final = ("meter", "quantity", "from", "value")


class TruthLog:
    """Appends to `path`; made where it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        new = not path.exists() or not path.stat().st_size
        if not new:
            _cut_torn_row(path)
        self._file = path.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if new:
            self._writer.writerow(_HEADER)
            self._file.flush()

    def write(self, meter: VirtualMeter, moment: datetime, *, everything: bool = False) -> int:
        """What the tick that begins at `moment` changes, or everything that the meter has then. Returns the rows; they
        are safe after `flush`."""
        now = _held(meter, moment)
        before = None if everything else _held(meter, moment - timedelta(seconds=meter.tick_s))
        start = moment.astimezone(UTC).isoformat()
        rows = [
            (meter.name, name, start, "" if value is None else format(value, "f"))
            for name, value in now.items()
            if before is None or before.get(name) != value
        ]
        self._writer.writerows(rows)
        return len(rows)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _held(meter: VirtualMeter, moment: datetime) -> dict[str, Decimal | None]:
    """What it shows, and of whoever ever stole what it did not count."""
    stolen = meter.stolen(moment)
    shown = {quantity.name: value for quantity, value in meter.values(moment).items()}
    return shown if stolen is None else {**shown, STOLEN: stolen}


def _cut_torn_row(path: Path) -> None:
    """A writer that was killed may have left half a row."""
    with path.open("rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


class Truth:
    """A truth file, to look things up in. Raises `LookupError` for what was never written down."""

    def __init__(self, rows: Iterable[tuple[str, str, datetime, Decimal | None]]) -> None:
        found: dict[tuple[str, str], dict[datetime, Decimal | None]] = {}
        for meter, quantity, start, value in rows:
            found.setdefault((meter, quantity), {})[start] = value
        self._series = {key: (sorted(series), series) for key, series in found.items()}

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Half a last row is left out. Raises `ValueError` naming file and line where it is no truth file."""
        rows = []
        with path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in file if line.endswith("\n")]
        reader = csv.reader(lines)
        if tuple(next(reader, ())) != _HEADER:
            raise ValueError(f"{path}:1: expected the header {','.join(_HEADER)}")
        for number, row in enumerate(reader, 2):
            try:
                meter, quantity, start, value = row
                rows.append((meter, quantity, datetime.fromisoformat(start), Decimal(value) if value else None))
            except (ValueError, ArithmeticError) as error:
                raise ValueError(f"{path}:{number}: {error}") from error
        return cls(rows)

    @property
    def meters(self) -> set[str]:
        return {meter for meter, _ in self._series}

    def at(self, meter: str, quantity: Quantity | str, time: datetime) -> Decimal | None:
        """The value at that moment; None where the meter had none."""
        starts, series = self._of(meter, quantity)
        place = bisect_right(starts, time)
        if not place:
            raise LookupError(f"{meter} {_name(quantity)}: nothing known before {starts[0].isoformat()}")
        return series[starts[place - 1]]

    def between(self, meter: str, quantity: Quantity | str, begin: datetime, end: datetime) -> set[Decimal | None]:
        """Every value that it had from `begin` to `end`, both included."""
        starts, series = self._of(meter, quantity)
        first = bisect_right(starts, begin)
        if not first:
            raise LookupError(f"{meter} {_name(quantity)}: nothing known before {starts[0].isoformat()}")
        return {series[start] for start in starts[first - 1 : bisect_right(starts, end)]}

    def _of(self, meter: str, quantity: Quantity | str) -> tuple[list[datetime], dict[datetime, Decimal | None]]:
        try:
            return self._series[meter, _name(quantity)]
        except KeyError:
            raise LookupError(f"nothing known of {meter} {_name(quantity)}") from None


def _name(quantity: Quantity | str) -> str:
    return quantity if isinstance(quantity, str) else quantity.name
