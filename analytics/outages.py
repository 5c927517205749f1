"""Which part of the low-voltage network is without supply: concluded from what its meters did and did not say.

A subtree (a branch, a district) is out where

- nobody of it has given a sign of life since L, the last sign that any of it gave, and
- several of its meters went dark at that time or later (`fresh`), and not long before: of a branch two meters; of a
  district meters of two branches, or the total meter and another one; never one meter alone.

Meters that went dark before are consistent with that, and are told as an outage within it: theirs may remain when the
rest is restored. Meters that nobody asked since, or whose line cannot be opened, say nothing. A line that cannot be
opened, and one whose meters are all silent while their neighbours on other lines answer, is a fault of communication.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["meter", "branch", "district"]

SLACK: Final = timedelta(minutes=1)
"""How far clocks may disagree: a meter's own last gasp against our answers."""
DEAD_VOLTAGE: Final = Decimal(50)
"""V; a meter that answers with less runs on a battery or another feed."""
RESTORED_SHARE: Final = Decimal("0.8")
"""Of the meters that were affected and could be asked, so many have to answer before an outage counts as over."""
_SURE, _SILENT, _LINE = Decimal("0.95"), Decimal("0.6"), Decimal("0.5")
"""What a proven darkness is worth, a meter that is silent while its line works, and all the silent ones together of a
line on which nobody answers: they are one witness."""
_MOST: Final = Decimal("0.99")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a district's low-voltage network, and the meters on it."""

    name: str
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class District:
    """A transformer district (台区): `meters` hang on no known branch, `totals` measure what it is supplied with."""

    name: str
    branches: tuple[Branch, ...] = ()
    meters: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """All meters, the totals first."""
        return (*self.totals, *(meter for branch in self.branches for meter in branch.meters), *self.meters)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one meter said and did not say. All None: it was never asked.

    `answered`: when it last answered; `voltage` is what it said then, in V. `silent_since`: the first time after that
    it was asked over a line that works, and did not answer. `last_gasp`, `restored`: its own words about its supply.
    `unreachable`: when its line last could not be opened.
    """

    line: str
    answered: datetime | None = None
    silent_since: datetime | None = None
    last_gasp: datetime | None = None
    restored: datetime | None = None
    voltage: Decimal | None = None
    unreachable: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """`start`: when it began as far as is known; `not_before`: the last sign of life. `dark` proved or suggested it,
    `unknown` are in it and said nothing. `nested`: what was out already when it began."""

    level: Level
    district: str
    place: str
    start: datetime
    not_before: datetime | None
    confidence: Decimal
    dark: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    proven: int = 0
    nested: tuple[Outage, ...] = ()

    @property
    def affected(self) -> tuple[str, ...]:
        return self.dark + self.unknown


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line whose meters cannot be asked, or do not answer for a reason that is the line's. No outage."""

    line: str
    since: datetime
    meters: tuple[str, ...]
    reason: Literal["unreachable", "silent"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is out, the widest first, and which lines only cannot be asked."""

    outages: tuple[Outage, ...] = ()
    faults: tuple[LineFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Restoration:
    """How far an outage is over. `share`: of its meters that gave any sign since, those that have supply again."""

    restored: tuple[str, ...]
    dark: tuple[str, ...]
    unknown: tuple[str, ...]
    share: Decimal
    is_over: bool
    since: datetime | None
    """When the first meter was back."""
    remaining: tuple[Outage, ...] = ()
    """What is still out within it."""


@dataclass(frozen=True, slots=True)
class _State:
    """`alive`: the last sign of life. `dark`: from when on it was certainly dark, None where it is not."""

    name: str
    line: str
    alive: datetime | None
    dark: datetime | None
    proven: bool
    unreachable: datetime | None


@dataclass(slots=True)
class _Verdict:
    last_alive: datetime | None
    fresh: list[_State] = field(default_factory=list)
    earlier: list[_State] = field(default_factory=list)
    unknown: list[_State] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return min(state.dark for state in self.fresh if state.dark is not None)


def conclude(district: District, evidence: Mapping[str, Evidence]) -> Conclusion:
    """The outages and line faults of one district. Pure; the order of `evidence` does not matter.

    Meters without evidence are unknown. Evidence of meters that are not in the district tells about its lines alone.
    """
    states = {name: _state(name, evidence.get(name)) for name in district.members}
    lines = _Lines([_state(name, given) for name, given in evidence.items()])
    found = list(_outages(district, states, lines))
    covered = {name for outage in found for name in outage.affected if outage.level != "meter" or outage.proven}
    faults = tuple(lines.faults({name: state for name, state in states.items() if name not in covered}))
    in_fault = {name for fault in faults for name in fault.meters}
    kept = tuple(o for o in found if o.level != "meter" or o.proven or o.dark[0] not in in_fault)
    return Conclusion(kept, faults)


def restoration(outage: Outage, district: District, evidence: Mapping[str, Evidence]) -> Restoration:
    """How far `outage` is over by what the meters have said since it began: proved by them, not by a word of others."""
    states = {name: _state(name, evidence.get(name)) for name in outage.affected}
    restored, dark, unknown = [], [], []
    since: datetime | None = None
    for name, state in states.items():
        if state.dark is not None:
            dark.append(name)
        elif state.alive is not None and state.alive > outage.start:
            restored.append(name)
            since = state.alive if since is None else min(since, state.alive)
        else:
            unknown.append(name)
    heard = len(restored) + len(dark)
    share = Decimal(len(restored)) / heard if heard else Decimal(0)
    remaining = conclude(district, evidence).outages if dark else ()
    inside = set(outage.affected)
    return Restoration(
        tuple(restored),
        tuple(dark),
        tuple(unknown),
        share,
        bool(restored) and share >= RESTORED_SHARE and not any(o.place == outage.place for o in remaining),
        since,
        tuple(o for o in remaining if inside.issuperset(o.dark)),
    )


def _state(name: str, given: Evidence | None) -> _State:
    if given is None:
        return _State(name, "", None, None, False, None)
    answered = given.answered
    dead = answered is not None and given.voltage is not None and given.voltage < DEAD_VOLTAGE
    alive = max((time for time in (None if dead else answered, given.restored) if time is not None), default=None)
    gasp = given.last_gasp
    if gasp is not None and (alive is None or gasp >= alive):
        return _State(name, given.line, gasp, gasp, True, given.unreachable)
    if dead and answered is not None and (alive is None or answered > alive):
        return _State(name, given.line, alive, answered, True, given.unreachable)
    silent = given.silent_since
    if silent is not None and given.unreachable is not None and given.unreachable >= silent:
        silent = None  # a gateway that dies is silent first: that says nothing of the meters behind it
    if silent is not None and (alive is None or silent > alive):
        return _State(name, given.line, alive, silent, False, given.unreachable)
    return _State(name, given.line, alive, None, False, given.unreachable)


def _outages(district: District, states: Mapping[str, _State], lines: _Lines) -> Iterator[Outage]:
    everything = [states[name] for name in district.members]
    verdict = _verdict(everything)
    if (
        verdict is not None
        and _spans(district, {state.name for state in verdict.fresh})
        and not lines.explain(verdict.fresh, everything)
    ):
        nested = _within(_parts(district, states, lines), verdict)
        yield _outage("district", district.name, district.name, verdict, lines, nested)
        return
    yield from _parts(district, states, lines)


def _parts(district: District, states: Mapping[str, _State], lines: _Lines) -> Iterator[Outage]:
    """Branches that are out as a whole, and single meters elsewhere."""
    alone = [states[name] for name in (*district.totals, *district.meters)]
    for branch in district.branches:
        members = [states[name] for name in branch.meters]
        verdict = _verdict(members)
        if verdict is not None and len(verdict.fresh) > 1 and not lines.explain(verdict.fresh, members):
            nested = _within(_singles(district.name, verdict.earlier, lines), verdict)
            yield _outage("branch", district.name, branch.name, verdict, lines, nested)
        else:
            alone += members
    yield from _singles(district.name, alone, lines)


def _singles(district: str, members: Iterable[_State], lines: _Lines) -> Iterator[Outage]:
    for state in members:
        if state.dark is not None:
            verdict = _Verdict(state.alive, [state])
            yield _outage("meter", district, state.name, verdict, lines, ())


def _within(parts: Iterable[Outage], verdict: _Verdict) -> tuple[Outage, ...]:
    """Those of `parts` that had begun before."""
    return tuple(part for part in parts if part.start < verdict.start - SLACK)


def _verdict(members: Sequence[_State]) -> _Verdict | None:
    """Who went dark since the last sign of life of all of them; None where somebody has lived on."""
    last = max((state.alive for state in members if state.alive is not None), default=None)
    verdict = _Verdict(last)
    for state in members:
        if state.dark is None:
            verdict.unknown.append(state)
        elif last is None or state.dark >= last - SLACK:
            verdict.fresh.append(state)
        else:
            verdict.earlier.append(state)
    return verdict if verdict.fresh else None


def _spans(district: District, fresh: set[str]) -> bool:
    """Whether what went dark is too much for anything below the transformer."""
    if len(fresh) < 2:
        return False
    if fresh.intersection(district.totals):
        return True
    groups = sum(not fresh.isdisjoint(branch.meters) for branch in district.branches)
    loose = len(fresh.intersection(district.meters))
    return groups + min(loose, 2) > 1 if district.branches else loose > 1


def _outage(
    level: Level, district: str, place: str, verdict: _Verdict, lines: _Lines, nested: tuple[Outage, ...]
) -> Outage:
    dark = verdict.fresh + verdict.earlier
    doubt = Decimal(1)
    for state in verdict.fresh:
        if state.proven or lines.works(state):
            doubt *= 1 - (_SURE if state.proven else _SILENT)
    for _ in {state.line for state in verdict.fresh if not state.proven and not lines.works(state)}:
        doubt *= 1 - _LINE
    coverage = Decimal(len(dark)) / (len(dark) + len(verdict.unknown))
    confidence = min(_MOST, (1 - doubt) * (1 + coverage) / 2).quantize(Decimal("0.01"))
    return Outage(
        level,
        district,
        place,
        verdict.start,
        verdict.last_alive,
        confidence,
        tuple(sorted(state.name for state in dark)),
        tuple(sorted(state.name for state in verdict.unknown)),
        sum(state.proven for state in verdict.fresh),
        nested,
    )


class _Lines:
    """What the lines do, by all meters that are known of, of whatever district."""

    def __init__(self, states: Iterable[_State]) -> None:
        self._members: dict[str, list[_State]] = {}
        for state in states:
            self._members.setdefault(state.line, []).append(state)

    def works(self, state: _State) -> bool:
        """Whether another meter of the line lives on while this one is dark."""
        return any(
            other.dark is None and other.alive is not None and state.dark is not None and other.alive >= state.dark
            for other in self._members.get(state.line, ())
            if other.name != state.name
        )

    def explain(self, fresh: Sequence[_State], subtree: Sequence[_State]) -> bool:
        """Whether one line's fault explains what went dark, and more of the same that is not in the subtree."""
        (line, *others) = {state.line for state in fresh}
        if others or any(state.proven for state in fresh):
            return False
        members = self._members.get(line, ())
        inside = {state.name for state in subtree}
        silent = all(state.dark is not None and not state.proven for state in members)
        return silent and any(state.name not in inside for state in members)

    def faults(self, left: Mapping[str, _State]) -> Iterator[LineFault]:
        """Lines that cannot be opened, or of which every meter is silent; meters of outages are not in `left`."""
        for line, members in sorted(self._members.items()):
            own = tuple(sorted(state.name for state in members if state.name in left))
            if not own:
                continue
            down = [s.unreachable for s in members if s.unreachable is not None and _is_last(s)]
            if down and len(down) == len(members):
                yield LineFault(line, min(down), own, "unreachable")
            elif len(members) > 1 and all(state.dark is not None and not state.proven for state in members):
                yield LineFault(line, min(s.dark for s in members if s.dark is not None), own, "silent")


def _is_last(state: _State) -> bool:
    """Whether the line has failed since the meter last gave a sign."""
    return state.unreachable is not None and (state.alive is None or state.unreachable > state.alive)
