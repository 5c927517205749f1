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
from typing import Final

from analytics.outages.signs import Lines, Sign, sign_of
from analytics.outages.words import Conclusion, District, Evidence, Level, Outage, Restoration

SLACK: Final = timedelta(minutes=1)
"""How far clocks may disagree: a meter's own last gasp against our answers."""
RESTORED_SHARE: Final = Decimal("0.8")
"""Of the meters that were affected and could be asked, so many have to answer before an outage counts as over."""
_SURE, _SILENT, _LINE = Decimal("0.95"), Decimal("0.6"), Decimal("0.5")
"""What a proven darkness is worth, a meter that is silent while its line works, and all the silent ones together of a
line on which nobody answers: they are one witness."""
_MOST: Final = Decimal("0.99")


@dataclass(slots=True)
class _Verdict:
    last_alive: datetime | None
    fresh: list[Sign] = field(default_factory=list)
    earlier: list[Sign] = field(default_factory=list)
    unknown: list[Sign] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return min(state.dark for state in self.fresh if state.dark is not None)


def conclude(district: District, evidence: Mapping[str, Evidence]) -> Conclusion:
    """The outages and line faults of one district. Pure; the order of `evidence` does not matter.

    Meters without evidence are unknown. Evidence of meters that are not in the district tells about its lines alone.
    """
    states = {name: sign_of(name, evidence.get(name)) for name in district.members}
    lines = Lines([sign_of(name, given) for name, given in evidence.items()])
    found = list(_outages(district, states, lines))
    covered = {name for outage in found for name in outage.affected if outage.level != "meter" or outage.proven}
    faults = tuple(lines.faults({name: state for name, state in states.items() if name not in covered}))
    in_fault = {name for fault in faults for name in fault.meters}
    kept = tuple(o for o in found if o.level != "meter" or o.proven or o.dark[0] not in in_fault)
    return Conclusion(kept, faults)


def restoration(outage: Outage, district: District, evidence: Mapping[str, Evidence]) -> Restoration:
    """How far `outage` is over by what the meters have said since it began: proved by them, not by a word of others."""
    states = {name: sign_of(name, evidence.get(name)) for name in outage.affected}
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


def _outages(district: District, states: Mapping[str, Sign], lines: Lines) -> Iterator[Outage]:
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


def _parts(district: District, states: Mapping[str, Sign], lines: Lines) -> Iterator[Outage]:
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


def _singles(district: str, members: Iterable[Sign], lines: Lines) -> Iterator[Outage]:
    for state in members:
        if state.dark is not None:
            verdict = _Verdict(state.alive, [state])
            yield _outage("meter", district, state.name, verdict, lines, ())


def _within(parts: Iterable[Outage], verdict: _Verdict) -> tuple[Outage, ...]:
    """Those of `parts` that had begun before."""
    return tuple(part for part in parts if part.start < verdict.start - SLACK)


def _verdict(members: Sequence[Sign]) -> _Verdict | None:
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
    level: Level, district: str, place: str, verdict: _Verdict, lines: Lines, nested: tuple[Outage, ...]
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
