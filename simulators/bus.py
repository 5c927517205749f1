"""A line with meters on it, without I/O: chunks of requests in, answers with the seconds until they are sent out.

A `Bus` is the meters and the line's manners; a `BusLine` is one path to them (a serial line, one TCP connection), with
its own half-received request, its own faults and its own time on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from protocols.exchange import FrameReader, Noise
from protocols.links.faults import Faults, Mangler
from simulators.collision import Collider, Collisions

_BITS_PER_BYTE: Final = 11


class Stations(Protocol):
    """The meters of a line, in one protocol."""

    def reader(self) -> FrameReader[Any]:
        """A fresh reader of requests."""

    def answers(self, frame: Any, now: datetime) -> Sequence[bytes]:
        """What the meters answer to a sound frame, all at once."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a line behaves. `turnaround_s`: from the end of a request to the beginning of its answer. `gap_s`: after such
    a silence half a request is forgotten. `bits_per_second`: 0 where bytes take no time; a byte has 11 bits.
    `collisions`: what is heard of several answers at once."""

    turnaround_s: float = 0.02
    gap_s: float = 0.5
    bits_per_second: int = 0
    faults: Faults | None = None
    collisions: Collisions = field(default_factory=Collisions)

    def __post_init__(self) -> None:
        if self.turnaround_s < 0 or self.gap_s <= 0 or self.bits_per_second < 0:
            raise ValueError("turnaround_s and bits_per_second are at least 0, gap_s above 0")

    def on_wire(self, count: int) -> float:
        """Seconds that `count` bytes take."""
        return count * _BITS_PER_BYTE / self.bits_per_second if self.bits_per_second else 0.0


class Bus:
    """The meters of one line, and every path to them."""

    def __init__(self, stations: Stations, manners: Manners) -> None:
        self.stations = stations
        self.manners = manners
        self._lines = 0

    def line(self) -> BusLine:
        """A new path; its faults and collisions are drawn from the bus's seeds and its number."""
        faults, collisions, further = self.manners.faults, self.manners.collisions, 1_000_003 * self._lines
        if faults is not None:
            faults = replace(faults, seed=faults.seed + further)
        collider = Collider(replace(collisions, seed=collisions.seed + further))
        self._lines += 1
        return BusLine(self.stations, self.manners, Mangler(faults) if faults else None, collider)


class BusLine:
    """One path to a bus's meters. `noise` counts stretches of bytes that were no request."""

    def __init__(self, stations: Stations, manners: Manners, mangler: Mangler | None, collider: Collider) -> None:
        self._stations = stations
        self._manners = manners
        self._mangler = mangler
        self._collider = collider
        self._reader = stations.reader()
        self._heard: datetime | None = None
        self._busy_until: datetime | None = None
        self.noise = 0

    def receive(self, chunk: bytes, now: datetime) -> list[tuple[float, bytes]]:
        """Answers to the requests that `chunk` completed: seconds from `now`, and the bytes. What is already under way
        stays under way: a new request does not stop it."""
        manners = self._manners
        if self._heard is not None and now - self._heard > timedelta(seconds=manners.gap_s):
            self.noise += len(self._reader.flush())  # whatever it was, its asker has long given up
        self._heard = now
        out: list[tuple[float, bytes]] = []
        for event in self._reader.feed(chunk):
            if isinstance(event, Noise):
                self.noise += 1
                continue
            answers = self._stations.answers(event, now)
            if answers:
                out += self._timed(self._collider.heard(answers), len(chunk), now)
        return out

    def _timed(self, answer: bytes, asked: int, now: datetime) -> list[tuple[float, bytes]]:
        manners = self._manners
        start = now if self._busy_until is None else max(now, self._busy_until)
        end = start + timedelta(seconds=manners.on_wire(asked) + manners.turnaround_s + manners.on_wire(len(answer)))
        if manners.bits_per_second:
            self._busy_until = end
        delay = (end - now).total_seconds()
        pieces = self._mangler.apply(answer) if self._mangler else [(0.0, answer)]
        return [(delay + late, piece) for late, piece in pieces]
