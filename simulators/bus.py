"""A line with meters on it, without I/O: chunks of requests in, answers with the seconds until they are sent out.

A `Bus` is the meters and the line's manners; a `BusLine` is one path to them (a serial line, one TCP connection), with
its own half-received request, its own faults and its own time on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from protocols.exchange import FrameReader, Noise
from protocols.links.faults import Faults, Mangler
from simulators.babble import Babble, Babbler
from simulators.collision import Collider, Collisions
from simulators.wire_log import WireLog

_BITS_PER_BYTE: Final = 11
_FAST: Final = 115_200
"""How fast somebody babbles where bytes take no time."""
_LUMP: Final = 4
"""Bytes of babble that are sent together."""


class Late(NamedTuple):
    """An answer for which a meter takes its time, in seconds beyond the line's turnaround."""

    seconds: float
    data: bytes


class Stations(Protocol):
    """The meters of a line, in one protocol."""

    def reader(self) -> FrameReader[Any]:
        """A fresh reader of requests."""

    def answers(self, frame: Any, now: datetime) -> Sequence[bytes | Late]:
        """What the meters answer to a sound frame, all at once."""

    def tell(self, frame: Any) -> dict[str, str]:
        """A frame, or bytes, for the wire log: `hex`, and what else may be looked for."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a line behaves. `turnaround_s`: from the end of a request to the beginning of its answer. `gap_s`: after such
    a silence half a request is forgotten. `bits_per_second`: 0 where bytes take no time; a byte has 11 bits.
    `collisions`: what is heard of several answers at once. `babble`: a station that speaks unasked."""

    turnaround_s: float = 0.02
    gap_s: float = 0.5
    bits_per_second: int = 0
    faults: Faults | None = None
    collisions: Collisions = field(default_factory=Collisions)
    babble: Babble = field(default_factory=Babble)

    def __post_init__(self) -> None:
        if self.turnaround_s < 0 or self.gap_s <= 0 or self.bits_per_second < 0:
            raise ValueError("turnaround_s and bits_per_second are at least 0, gap_s above 0")

    def on_wire(self, count: int) -> float:
        """Seconds that `count` bytes take."""
        return count * _BITS_PER_BYTE / self.bits_per_second if self.bits_per_second else 0.0


class Bus:
    """The meters of one line, and every path to them."""

    def __init__(self, stations: Stations, manners: Manners, name: str = "", log: WireLog | None = None) -> None:
        self.stations = stations
        self.manners = manners
        self.name = name
        self.log = log
        self._lines = 0

    def line(self) -> BusLine:
        """A new path; its faults and collisions are drawn from the bus's seeds and its number."""
        faults, collisions, further = self.manners.faults, self.manners.collisions, 1_000_003 * self._lines
        if faults is not None:
            faults = replace(faults, seed=faults.seed + further)
        collider = Collider(replace(collisions, seed=collisions.seed + further))
        self._lines += 1
        babbler = Babbler(replace(self.manners.babble, seed=self.manners.babble.seed + further))
        return BusLine(self, self._lines, Mangler(faults) if faults else None, collider, babbler)


class BusLine:
    """One path to a bus's meters. `noise` counts stretches of bytes that were no request."""

    def __init__(self, bus: Bus, number: int, mangler: Mangler | None, collider: Collider, babbler: Babbler) -> None:
        self._bus = bus
        self._number = number
        self._stations = bus.stations
        self._manners = bus.manners
        self._mangler = mangler
        self._collider = collider
        self._babbler = babbler
        self._reader = bus.stations.reader()
        self._heard: datetime | None = None
        self._busy_until: datetime | None = None
        self.noise = 0

    def receive(self, chunk: bytes, now: datetime) -> list[tuple[float, bytes]]:
        """Answers to the requests that `chunk` completed: seconds from `now`, and the bytes. What is already under way
        stays under way: a new request does not stop it."""
        manners = self._manners
        chunk = self._babbler.spoilt(chunk, now, now + timedelta(seconds=manners.on_wire(len(chunk))))
        if self._heard is not None and now - self._heard > timedelta(seconds=manners.gap_s):
            for event in self._reader.flush():  # whatever it was, its asker has long given up
                self._note("noise", event.raw, now)
                self.noise += 1
        self._heard = now
        out: list[tuple[float, bytes]] = []
        for event in self._reader.feed(chunk):
            if isinstance(event, Noise):
                self._note("noise", event.raw, now)
                self.noise += 1
                continue
            self._note("received", event, now)
            answers = self._stations.answers(event, now)
            if answers:
                out += self._timed(answers, len(chunk), now)
        return out

    @property
    def babbles(self) -> bool:
        """Whether anybody speaks unasked here."""
        return self._manners.babble.share > 0

    def babble(self, begin: datetime, end: datetime) -> list[tuple[float, bytes]]:
        """What is said unasked in [begin, end): seconds from `begin` until a lump of bytes is whole, and the lump."""
        speed = (self._manners.bits_per_second or _FAST) / _BITS_PER_BYTE
        lump_s = _LUMP / speed
        out = []
        for start, stop in self._babbler.bursts(begin, end):
            at, last = max(start, begin), min(stop, end)
            while at < last:
                at += timedelta(seconds=lump_s)
                out.append(((at - begin).total_seconds(), self._babbler.noise(_LUMP)))
        return out

    def _timed(self, answers: Sequence[bytes | Late], asked: int, now: datetime) -> list[tuple[float, bytes]]:
        manners = self._manners
        datas = [answer.data if isinstance(answer, Late) else answer for answer in answers]
        late = max(answer.seconds if isinstance(answer, Late) else 0.0 for answer in answers)
        answer = self._collider.heard(datas)
        start = now if self._busy_until is None else max(now, self._busy_until)
        begin = start + timedelta(seconds=manners.on_wire(asked) + manners.turnaround_s + late)
        end = begin + timedelta(seconds=manners.on_wire(len(answer)))
        if manners.bits_per_second:
            self._busy_until = end
        answer = self._babbler.spoilt(answer, begin, end)
        self._note("sent", answer, begin)
        delay = (end - now).total_seconds()
        pieces = self._mangler.apply(answer) if self._mangler else [(0.0, answer)]
        return [(delay + late, piece) for late, piece in pieces]

    def _note(self, direction: str, frame: Any, time: datetime) -> None:
        if self._bus.log is not None:
            self._bus.log.write(time, self._bus.name, self._number, direction, self._stations.tell(frame))
