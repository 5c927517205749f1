"""What each meter showed, and what the lines did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from analytics.outages.words import Evidence, LineFault

DEAD_VOLTAGE: Final = Decimal(50)
"""V; a meter that answers with less runs on a battery or another feed."""


@dataclass(frozen=True, slots=True)
class Sign:
    """`alive`: the last sign of life. `dark`: from when on it was certainly dark, None where it is not."""

    name: str
    line: str
    alive: datetime | None
    dark: datetime | None
    proven: bool
    unreachable: datetime | None


def sign_of(name: str, given: Evidence | None) -> Sign:
    if given is None:
        return Sign(name, "", None, None, False, None)
    answered = given.answered
    dead = answered is not None and given.voltage is not None and given.voltage < DEAD_VOLTAGE
    alive = max((time for time in (None if dead else answered, given.restored) if time is not None), default=None)
    gasp = given.last_gasp
    if gasp is not None and (alive is None or gasp >= alive):
        return Sign(name, given.line, gasp, gasp, True, given.unreachable)
    if dead and answered is not None and (alive is None or answered > alive):
        return Sign(name, given.line, alive, answered, True, given.unreachable)
    silent = given.silent_since
    if silent is not None and given.unreachable is not None and given.unreachable >= silent:
        silent = None  # a gateway that dies is silent first: that says nothing of the meters behind it
    if silent is not None and (alive is None or silent > alive):
        return Sign(name, given.line, alive, silent, False, given.unreachable)
    return Sign(name, given.line, alive, None, False, given.unreachable)


class Lines:
    """What the lines do, by all meters that are known of, of whatever district."""

    def __init__(self, states: Iterable[Sign]) -> None:
        self._members: dict[str, list[Sign]] = {}
        for state in states:
            self._members.setdefault(state.line, []).append(state)

    def works(self, state: Sign) -> bool:
        """Whether another meter of the line lives on while this one is dark."""
        return any(
            other.dark is None and other.alive is not None and state.dark is not None and other.alive >= state.dark
            for other in self._members.get(state.line, ())
            if other.name != state.name
        )

    def explain(self, fresh: Sequence[Sign], subtree: Sequence[Sign]) -> bool:
        """Whether one line's fault explains what went dark, and more of the same that is not in the subtree."""
        (line, *others) = {state.line for state in fresh}
        if others or any(state.proven for state in fresh):
            return False
        members = self._members.get(line, ())
        inside = {state.name for state in subtree}
        silent = all(state.dark is not None and not state.proven for state in members)
        return silent and any(state.name not in inside for state in members)

    def faults(self, left: Mapping[str, Sign]) -> Iterator[LineFault]:
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


def _is_last(state: Sign) -> bool:
    """Whether the line has failed since the meter last gave a sign."""
    return state.unreachable is not None and (state.alive is None or state.unreachable > state.alive)
