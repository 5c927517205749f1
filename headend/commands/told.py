"""What the desk tells: plain values, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApprovalTold:
    """`counts`: whether it is good now for exactly this order under this policy."""

    by: str
    at: datetime
    expires: datetime
    over_caps: bool
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTold:
    """An order with what an approver is to see of it. `bound` is what he says yes to.

    `state` is that of all its commands, or "mixed"; `states` counts them. `watts`: of meters whose load is known;
    `unknown_loads` counts the others. `needs`: what must happen before it is sent: "approval", "release",
    "over_caps" (two persons). `labels`: the first of them; `targets` of the desk gives all.
    `means`: the parameters, decoded. `paused`: nothing of it is sent.
    """

    id: str
    version: int
    state: str
    states: Mapping[str, int]
    function: str
    effect: str
    parameters: Mapping[str, str]
    means: tuple[str, ...]
    reason: str | None
    notice: str
    requester: str
    source: str
    not_before: datetime
    expires: datetime
    created: datetime
    meters: int
    watts: int
    unknown_loads: int
    areas: Mapping[str, int]
    labels: tuple[str, ...]
    digest: str
    bound: str
    needs: tuple[str, ...]
    paused: bool
    approvals: tuple[ApprovalTold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTold:
    """One command."""

    meter: str
    address: str
    line: str
    point: str
    area: str
    feeder: str
    label: str
    load_w: int | None
    state: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class StepTold:
    """A state that a command came into."""

    state: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FateTold:
    """What became of one meter. `why`: the last that was said. `frames` with their direction, passwords hidden."""

    meter: str
    label: str
    area: str
    state: str
    why: str
    steps: tuple[StepTold, ...]
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TroubleTold:
    """Meters at which it did not come to what was ordered, for one reason; `meters` are the first of them."""

    state: str
    why: str
    count: int
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressTold:
    """`done`: commands at their end. `began`: the first was sent. `per_minute`: ends of the last five minutes. `ends`:
    estimated by that; None while nothing tells. `more_troubles`: meters that `troubles` does not count."""

    id: str
    states: Mapping[str, int]
    meters: int
    done: int
    paused: bool
    began: datetime | None
    per_minute: float
    ends: datetime | None
    expires: datetime
    troubles: tuple[TroubleTold, ...]
    more_troubles: int


@dataclass(frozen=True, slots=True)
class StopTold:
    """`area` "*": everywhere. `awaits`: who has asked for its release, which another person must, too."""

    id: int
    area: str
    why: str
    by: str
    at: datetime
    awaits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryTold:
    """An entry of the protection list."""

    id: int
    category: str
    meter: str
    point: str
    evidence: str
    until: datetime | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldTold:
    """What the anomaly watch holds: a person or an area."""

    id: int
    person: str | None
    area: str | None
    rule: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """A change for which several persons are needed. `done` False: it waits for `lacks` more of them."""

    id: int
    kind: str
    what: str
    by: str
    at: datetime
    expires: datetime
    done: bool
    lacks: int


@dataclass(frozen=True, slots=True)
class PolicyTold:
    version: str
    document: str
    by: str
    at: datetime
