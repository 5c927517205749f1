"""Which reads give the wanted registers: as few as the model allows, and no two of one length.

On RTU a duplicated or late reply says neither its address nor a transaction; only unit, function and length tell it
from another. So within one plan no two reads of a function ask for the same number of registers: a read is stretched
over further registers of the model, or cut elsewhere, until the lengths differ. Where that cannot be, it is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from protocols.modbus.reads import RegisterRead, span_read
from protocols.modbus.registers import Register

Group: TypeAlias = tuple[Register, ...]


class Ground(NamedTuple):
    """What one function of a model, or of one meter, may be asked for."""

    known: tuple[Register, ...]
    """By address; none over another but bits of one register."""
    limit: int
    """Registers in one read."""
    holes: int = 0
    """How many unknown registers between known ones may be read with them, in one hole."""
    blocks: tuple[tuple[int, int], ...] = ()
    """Where the model states them: spans (first, end) that may be read with all their holes, none across a border."""
    cuts: frozenset[int] = frozenset()
    """Addresses at which a read must begin anew: learnt from a meter that refused to be read across."""

    def runs(self) -> list[Group]:
        """Registers that one read may span as far as the limit goes."""
        runs: list[list[Register]] = []
        for register in self.known:
            if runs and self._joined(max(r.end for r in runs[-1][-2:]), register.address):
                runs[-1].append(register)
            else:
                runs.append([register])
        return [tuple(run) for run in runs]

    def reaches(self, first: int, end: int) -> bool:
        """Whether one read may span `first` to `end`, holes and all."""
        return any(run[0].address <= first and end <= max(r.end for r in run[-2:]) for run in self.runs())

    def _joined(self, end: int, address: int) -> bool:
        if any(end <= cut <= address for cut in self.cuts):
            return False
        if self.blocks:
            return any(first < end <= behind and first <= address < behind for first, behind in self.blocks)
        return address - end <= self.holes


def plan_reads(wanted: Sequence[Register], ground: Ground) -> list[RegisterRead]:
    """The reads, by address. `wanted` are some of the ground's registers."""
    run_of = {register.address: run for run in ground.runs() for register in run}
    groups = _fewest(sorted(wanted, key=lambda r: (r.low, r.address)), run_of, ground.limit)
    spans, clashes = _distinct(groups, run_of, ground.limit)
    while clashes:
        for other in _recut(groups, run_of, ground.limit):
            other_spans, other_clashes = _distinct(other, run_of, ground.limit)
            if other_clashes < clashes:
                groups, spans, clashes = other, other_spans, other_clashes
                break
        else:
            break
    return [
        span_read(group[0].function, start, end - start, group)
        for group, (start, end) in zip(groups, spans, strict=True)
    ]


def _fewest(wanted: list[Register], run_of: dict[int, Group], limit: int) -> list[Group]:
    """Taking as much as fits, from the lowest address on, is never beaten."""
    groups: list[list[Register]] = []
    for register in wanted:
        first = groups[-1][0] if groups else None
        joined = first is not None and run_of[first.address] is run_of[register.address]
        if joined and _span([*groups[-1], register]) <= limit:
            groups[-1].append(register)
        else:
            groups.append([register])
    return [tuple(group) for group in groups]


def _span(group: Sequence[Register]) -> int:
    return max(register.high for register in group) - min(register.low for register in group)


def _stretches(group: Group, run: Group, limit: int) -> dict[int, tuple[int, int]]:
    """Lengths that a read of `group` can have, shortest first, each with its start and end. It always begins and ends
    with a whole register of the model: half a number is refused by some meters."""
    start, end = min(register.low for register in group), max(register.high for register in group)
    spans = {
        high.end - low.address: (low.address, high.end)
        for low in run
        if low.address <= start
        for high in run
        if high.end >= end and high.end - low.address <= limit
    }
    return dict(sorted(spans.items()))


def _distinct(groups: list[Group], run_of: dict[int, Group], limit: int) -> tuple[list[tuple[int, int]], int]:
    """A span for each group with as many different lengths as can be (a bipartite matching of reads and lengths by
    augmenting paths), and how many reads are left with a length that is taken."""
    choices = [_stretches(group, run_of[group[0].address], limit) for group in groups]
    owner: dict[int, int] = {}

    def place(read: int, tried: set[int]) -> bool:
        for length in choices[read]:
            if length not in owner:
                owner[length] = read
                return True
        for length in choices[read]:
            if length not in tried:
                tried.add(length)
                if place(owner[length], tried):
                    owner[length] = read
                    return True
        return False

    clashes = sum(not place(read, set()) for read in range(len(groups)))
    spans = [next(iter(choice.values())) for choice in choices]
    for length, read in owner.items():
        spans[read] = choices[read][length]
    return spans, clashes


def _recut(groups: list[Group], run_of: dict[int, Group], limit: int) -> Iterator[list[Group]]:
    """The same registers cut otherwise: first as many reads as before, then one more."""
    for index in range(len(groups) - 1):
        both = groups[index] + groups[index + 1]
        if run_of[both[0].address] is not run_of[both[-1].address]:
            continue
        for cut in range(1, len(both)):
            left, right = both[:cut], both[cut:]
            if max(_span(left), _span(right)) <= limit:
                yield [*groups[:index], left, right, *groups[index + 2 :]]
    for index, group in enumerate(groups):
        for cut in range(1, len(group)):
            yield [*groups[:index], group[:cut], group[cut:], *groups[index + 1 :]]


def learn(ground: Ground, refused: RegisterRead) -> Ground:
    """The ground after a meter refused a read for its address or its length (exceptions 02 and 03).

    A read is cut in two, best where a hole is, else near its middle, but never between a value and its scale factor:
    so a plan made of the new ground asks for both halves, and each refusal more tells more. What cannot be cut is a
    value that this meter does not have: it is taken out.
    """
    first, end = refused.request.address, refused.request.address + refused.request.count
    inside = [register for register in ground.known if first <= register.address < end]
    places = [
        (high.address - low.end, -abs(2 * high.address - first - end), high.address)
        for low, high in pairwise(inside)
        if high.address > low.address and not any(r.low < high.address < r.high for r in inside)
    ]
    if places:
        return ground._replace(cuts=ground.cuts | {max(places)[2]})
    left = tuple(register for register in ground.known if register not in inside)
    return ground._replace(known=left, cuts=ground.cuts | {first, end})
