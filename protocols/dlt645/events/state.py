"""What is remembered of a meter's events from one reading to the next, and what a new reading of its words means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from protocols.dlt645.events.bits import BITS
from protocols.dlt645.events.reading import LogMark
from protocols.events.kind import EventKind
from protocols.events.kinds import KINDS


@dataclass(frozen=True, slots=True)
class EventState:
    """`marks` by code of the kind; `lasting`: codes of the events whose bits are set, and when we first saw them;
    `words_seen`: when the words were last read; `refused`: items that the meter does not have; `resume`: the counter
    item with which to begin, where the last reading did not come to its end."""

    meter_number: str | None = None
    marks: Mapping[str, LogMark] = field(default_factory=dict)
    lasting: Mapping[str, datetime] = field(default_factory=dict)
    words_seen: datetime | None = None
    refused: frozenset[str] = frozenset()
    resume: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None) -> EventState:
        """The reverse; None is a meter of which nothing is known. Raises `msgspec.ValidationError`."""
        return cls() if told is None else msgspec.convert(dict(told), cls)


@dataclass(frozen=True, slots=True)
class Edge:
    """An event that a status word shows to have begun (`end` is None) or ended. `start` is when we first saw it."""

    kind: EventKind
    start: datetime
    end: datetime | None


def edges(
    lasting: Mapping[str, datetime], words: Mapping[str, int], now: datetime
) -> tuple[list[Edge], dict[str, datetime]]:
    """What `words` (by the name of their part), read `now`, mean to what lasted before, and what lasts from now on.

    Words that were not read leave their events as they were.
    """
    known = [bit for bit in BITS if bit.word in words]
    is_set: dict[str, bool] = {}
    for bit in known:
        is_set[bit.kind.code] = is_set.get(bit.kind.code, False) or bit.is_set(words[bit.word])
    found, after = [], dict(lasting)
    for code, on in is_set.items():
        if on and code not in after:
            after[code] = now
            found.append(Edge(KINDS[code], now, None))
        elif not on and code in after:
            found.append(Edge(KINDS[code], after.pop(code), now))
    return found, after
