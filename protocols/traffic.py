"""What goes over a line, counted, shown and permitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from protocols.errors import NotPermitted
from protocols.exchange import Ask, Noise


@dataclass(slots=True)
class LineCounters:
    """What a line has seen since it was opened: one integer a row of the metrics."""

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    retries: int = 0
    strays: int = 0
    """Sound frames that answered nothing we asked: late ones, other meters', echoes."""
    noise: int = 0
    """Stretches of bytes that were no frame."""
    noise_bytes: int = 0
    checksums: int = 0
    """Those of the stretches in which a frame's check sum was wrong."""
    sent_bytes: int = 0
    received_bytes: int = 0
    busy_s: float = 0.0
    """Time in which at least one conversation ran."""
    wire_s: float = 0.0
    """Of it, what our bytes and the others' take at the line's rate; 0 where that is not known."""
    turnaround_s: float = 0.0
    """Of it, from the last byte of each answered request to the first byte of its answer, as far as rates tell; where
    answers are numbered, to its last."""


@dataclass(slots=True)
class MeterCounters:
    """What asking one meter has cost its line. Noise is blamed on whoever was asked when it came.

    Where one conversation runs at a time, the `busy_s` of all meters add up to the line's.
    """

    requests: int = 0
    answers: int = 0
    timeouts: int = 0
    retries: int = 0
    checksums: int = 0
    busy_s: float = 0.0
    turnaround_s: float = 0.0
    """Of all answers together."""
    turnaround_max_s: float = 0.0


@dataclass(slots=True)
class Tap:
    """Where a line's bytes are shown while it works: direction (``>`` sent, ``<`` received, ``!`` noise) and bytes."""

    show: Callable[[str, bytes], None]


Permit: TypeAlias = Callable[[Ask[Any]], None]
"""Asked just before a frame that acts is sent; raises `NotPermitted` to hold it back."""


Guard: TypeAlias = Callable[[], None]
"""Asked just before any request is sent; raises `LeaseLost` to hold it back."""


def ours() -> None:
    """The guard of a line that nobody else speaks on."""


def refuse(ask: Ask[Any]) -> None:
    """The permit of a line that only reads."""
    raise NotPermitted("this line only reads: a frame that acts on a meter needs a permit")


@dataclass(slots=True)
class Traffic:
    """Whom a line tells what goes over it, and whom it asks."""

    counters: LineCounters
    tap: Tap | None
    permit: Permit
    guard: Guard = ours

    def sent(self, ask: Ask[Any]) -> None:
        """Just before the bytes go out. Raises `NotPermitted` or `LeaseLost`: then they do not."""
        self.guard()
        if ask.acts:
            self.permit(ask)
        counters = self.counters
        counters.requests += 1
        counters.sent_bytes += len(ask.data)
        if self.tap is not None:
            self.tap.show(">", ask.data)

    def received(self, chunk: bytes) -> None:
        self.counters.received_bytes += len(chunk)
        if self.tap is not None:
            self.tap.show("<", chunk)

    def dropped(self, noise: Noise) -> None:
        self.counters.noise += 1
        self.counters.noise_bytes += len(noise.raw)
        self.counters.checksums += noise.is_damaged
        if self.tap is not None:
            self.tap.show("!", noise.raw)
