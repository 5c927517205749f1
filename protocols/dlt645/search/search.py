"""All meters of a line, whatever edition, by wildcards; where several answer at once, by ever longer endings.

Shortened addressing (DL/T 645-2007, 5.2.2: low bytes stated, the higher ones AA) makes the addresses a tree. What is
silent is cut off; noise or several answers mean that one has to look closer. A clean answer does not prove that its
meter is alone (a strong one drowns a weak one), so `Terms.doubt` says how deep one looks behind clean answers too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE, Frame
from protocols.dlt645.search.branch import CHILDREN, WHOLE, Branch
from protocols.dlt645.search.census import (
    ADDRESS_2007,
    NOBODY,
    READS_1997,
    READS_2007,
    Census,
    Probe,
    ending,
    take,
)
from protocols.dlt645.search.proof import Found, prove
from protocols.dlt645.search.verdict import Outcome, verdict
from protocols.dlt645.services.edition import Edition
from protocols.exchange import Ask

T = TypeVar("T")
Asking: TypeAlias = Generator[Ask[Frame], Frame, T]

_PROBES: Final[dict[Edition, tuple[Probe, ...]]] = {"2007": (*READS_2007, ADDRESS_2007), "1997": READS_1997}
_CONTROLS: Final = 2
_RANK: Final = (Outcome.SEVERAL, Outcome.ONE, Outcome.NAMELESS, Outcome.BABBLE, Outcome.SILENT)
_LEVELS: Final = WHOLE // 2


@dataclass(frozen=True, slots=True)
class Terms:
    """`tries`: how often a silent question is asked before it counts as silence. `doubt`: behind a clean answer to an
    ending of fewer than so many bytes one looks closer all the same: 0 never, 1 behind the wildcard of all, 6 always
    (and then silence at the wildcard of all is not believed either)."""

    tries: int = 2
    doubt: int = 1

    def __post_init__(self) -> None:
        if self.tries < 1 or not 0 <= self.doubt <= _LEVELS:
            raise ValueError(f"tries is at least 1, doubt 0 to {_LEVELS}")


@dataclass(frozen=True, slots=True)
class Step:
    """What one step asked (all addresses that end in `ending`), who is there, and the meters it found."""

    edition: Edition
    ending: str
    outcome: Outcome
    found: tuple[Found, ...] = ()


class Search:
    """`pending` is what is still to be asked, in order. Between two steps it may be stopped, and begun again with the
    branches that were left; a step that was broken off has not been done.

    `found` holds every meter once for each edition in which it was read. `puzzles` says in words, by the edition and
    the ending of the addresses, what answered and could not be made out.
    """

    def __init__(
        self, pending: Iterable[Branch] = (Branch("2007"), Branch("1997")), terms: Terms = Terms(),
        preamble: bytes = PREAMBLE,
    ) -> None:  # fmt: skip
        self.pending = deque(pending)
        self.found: dict[tuple[Edition, str], Found] = {}
        self.puzzles: dict[tuple[Edition, str], str] = {}
        self.noise = 0
        """Bytes that were no frame, over all steps."""
        self._terms = terms
        self._preamble = preamble
        self._probes: dict[Edition, list[Probe]] = {edition: [probes[0]] for edition, probes in _PROBES.items()}
        self._nameless: set[tuple[Edition, str]] = set()

    def step(self) -> Asking[Step]:
        """Ask what is next. There must be something `pending`. Raises `LinkClosed`."""
        branch = self.pending[0]
        asked = branch.ending if branch.child is None else f"{branch.child:02}{branch.ending}"
        outcome, told = yield from self._look(branch.edition, asked)
        found = yield from self._proven(branch.edition, told)
        proven = all((branch.edition, name) in self.found for name in told)
        deeper = self._goes_deeper(asked, outcome, proven)
        if branch.child is not None:
            branch = replace(branch, child=branch.child + 1, spoke=branch.spoke or outcome is not Outcome.SILENT)
            if branch.child == CHILDREN:
                found += yield from self._close(branch)
        self._move(branch, asked, deeper)
        self._puzzle(branch.edition, asked, outcome)
        return Step(branch.edition, asked, outcome, found)

    def _move(self, branch: Branch, asked: str, deeper: bool) -> None:
        self.pending.popleft()
        if branch.child is not None and branch.child < CHILDREN:
            self.pending.appendleft(branch)
        if deeper:
            self.pending.append(Branch(branch.edition, asked, 0))

    def _goes_deeper(self, asked: str, outcome: Outcome, proven: bool) -> bool:
        if len(asked) == WHOLE:
            return False
        if outcome is Outcome.ONE:
            return not proven or len(asked) // 2 < self._terms.doubt
        if outcome is Outcome.SILENT:
            return not asked and self._terms.doubt == _LEVELS
        return outcome in (Outcome.SEVERAL, Outcome.NAMELESS)

    def _puzzle(self, edition: Edition, asked: str, outcome: Outcome) -> None:
        where = (edition, asked)
        if outcome is Outcome.BABBLE:
            self.puzzles[where] = "noise, and just the same when nobody is asked"
        elif outcome is Outcome.SEVERAL and len(asked) == WHOLE and where not in self.found:
            self.puzzles[where] = "noise at a whole address: two meters with the same one, or a bad line"
        elif outcome is Outcome.SEVERAL and len(asked) == WHOLE:
            self.puzzles[where] = "read, but with noise about it: there may be two meters with this address"

    # -- who is behind an ending

    def _look(self, edition: Edition, asked: str) -> Asking[tuple[Outcome, frozenset[str]]]:
        """Together with all addresses that were told, whether they end so or not."""
        if asked:
            if asked == addresses.BROADCAST:
                return Outcome.SILENT, frozenset()
            outcome, taken = yield from self._asked(self._probes[edition][0], ending(asked))
            return outcome, _told(taken)
        outcomes, told, speaking = [], frozenset[str](), []
        for probe in _PROBES[edition]:
            outcome, taken = yield from self._asked(probe, ending(""))
            outcomes.append(outcome)
            told |= _told(taken)
            if outcome not in (Outcome.SILENT, Outcome.BABBLE):
                speaking.append(probe)
        if edition == "1997":  # in the field such meters answer reads at the broadcast address with their own
            for probe in _PROBES[edition]:
                outcome, taken = yield from self._asked(probe, addresses.to_wire(addresses.BROADCAST))
                outcomes.append(outcome)
                told |= _told(taken)
        if speaking:
            self._probes[edition] = speaking
        if len(told) > 1:
            outcomes.append(Outcome.SEVERAL)
        return min(outcomes, key=_RANK.index), told

    def _asked(self, probe: Probe, to: bytes) -> Asking[tuple[Outcome, Sequence[Census]]]:
        taken: list[Census] = []
        outcome = None
        while outcome is None:
            taken.append((yield from self._take(probe, to)))
            outcome = verdict(taken, self._terms.tries)
        if outcome in (Outcome.SEVERAL, Outcome.NAMELESS):
            outcome = yield from self._checked(outcome, probe, taken)
        if outcome is Outcome.NAMELESS:
            self._nameless.add((probe.edition, addresses.from_wire(to).lstrip("A")))
        return outcome, taken

    def _checked(self, outcome: Outcome, probe: Probe, taken: Sequence[Census]) -> Asking[Outcome]:
        """The same, unless the line is just as noisy, or answers all the same, when nobody is asked."""
        noisy = parrot = True
        for _ in range(_CONTROLS):
            control = yield from self._take(probe, NOBODY)
            noisy, parrot = noisy and control.noise > 0, parrot and control.nameless
            if not (noisy or parrot):
                return outcome
        if outcome is Outcome.NAMELESS:
            return Outcome.SILENT if parrot else outcome
        if not noisy or not any(census.noise for census in taken):
            return outcome
        names = {name for census in taken for name in census.names}
        return Outcome.SEVERAL if len(names) > 1 else Outcome.ONE if names else Outcome.BABBLE

    def _take(self, probe: Probe, to: bytes) -> Asking[Census]:
        census = yield from take(probe, to, self._preamble)
        self.noise += census.noise
        return census

    # -- meters

    def _proven(self, edition: Edition, told: Iterable[str]) -> Asking[tuple[Found, ...]]:
        found = []
        for address in sorted(told):
            if (edition, address) in self.found:
                continue
            proof = yield from prove(edition, address, self._preamble)
            if isinstance(proof, str):
                self.puzzles[edition, address] = f"told as an address, but not to be read there: {proof}"
                continue
            self.puzzles.pop((edition, address), None)
            self.found[edition, address] = proof
            found.append(proof)
        return tuple(found)

    def _close(self, branch: Branch) -> Asking[tuple[Found, ...]]:
        """After the last of a branch's children. Where none of them spoke, who answered all of them together?

        A 1997 meter whose address is short and filled up with AA; one that takes no shortened address in this kind of
        question; or nobody any more.
        """
        edition, asked = branch.edition, branch.ending
        if branch.spoke:
            return ()
        if (edition, asked) in self._nameless:
            if edition == "1997" and asked:
                return (yield from self._proven(edition, [asked.rjust(WHOLE, "A")]))
            self.puzzles[edition, asked] = "an answer that tells no address, and no shortened address is answered"
            return ()
        if not asked and len(self._probes[edition]) > 1:
            del self._probes[edition][0]
            self.pending.append(Branch(edition, "", 0))
        elif not any(ed == edition and name.endswith(asked) for ed, name in self.found):
            self.puzzles[edition, asked] = "several answer at once, and none of them a longer ending of addresses"
        return ()


def _told(taken: Iterable[Census]) -> frozenset[str]:
    return frozenset(name for census in taken for name in census.told)
