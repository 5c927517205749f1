"""A command: one order at one meter, and its life as one table of transitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from headend.errors import HeadendError


class State(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    QUARANTINED = "quarantined"
    """Over a cap: waits for two persons."""
    RELEASED = "released"
    SENT = "sent"
    """Written down before the first byte: it may have gone out from here on."""
    ACKNOWLEDGED = "acknowledged"
    """The meter said that it took it; nothing is known of the relay."""
    VERIFIED = "verified"
    CONTRADICTED = "contradicted"
    """The meter shows the opposite, or what cannot be: an alarm."""
    UNVERIFIABLE = "unverifiable"
    UNKNOWN = "unknown"
    """No answer. Read the meter's state; never send again."""
    FAILED = "failed"
    """The meter refused, or shows that it did nothing."""
    EXPIRED = "expired"
    REJECTED = "rejected"
    RECALLED = "recalled"
    """Paid or cancelled meanwhile."""
    STOPPED = "stopped"


class Transition(NamedTuple):
    before: State
    after: State
    on: str


TRANSITIONS: Final[tuple[Transition, ...]] = (
    Transition(State.DRAFT, State.APPROVED, "all approvals that it needs"),
    Transition(State.DRAFT, State.REJECTED, "a person says no"),
    Transition(State.DRAFT, State.EXPIRED, "its time is over"),
    Transition(State.DRAFT, State.RECALLED, "paid or cancelled"),
    Transition(State.APPROVED, State.DRAFT, "edited: approvals are void"),
    Transition(State.APPROVED, State.RELEASED, "released"),
    Transition(State.APPROVED, State.QUARANTINED, "over a cap"),
    Transition(State.APPROVED, State.REJECTED, "a rule refuses it"),
    Transition(State.APPROVED, State.EXPIRED, "its time is over"),
    Transition(State.APPROVED, State.RECALLED, "paid or cancelled"),
    Transition(State.APPROVED, State.STOPPED, "a stop"),
    Transition(State.QUARANTINED, State.RELEASED, "two persons let it go over the cap"),
    Transition(State.QUARANTINED, State.REJECTED, "a person or a rule says no"),
    Transition(State.QUARANTINED, State.EXPIRED, "its time is over"),
    Transition(State.QUARANTINED, State.RECALLED, "paid or cancelled"),
    Transition(State.QUARANTINED, State.STOPPED, "a stop"),
    Transition(State.RELEASED, State.SENT, "claimed by one sender, just before the frame"),
    Transition(State.RELEASED, State.QUARANTINED, "over a cap"),
    Transition(State.RELEASED, State.REJECTED, "a rule refuses it"),
    Transition(State.RELEASED, State.EXPIRED, "its time is over"),
    Transition(State.RELEASED, State.RECALLED, "paid or cancelled"),
    Transition(State.RELEASED, State.STOPPED, "a stop"),
    Transition(State.SENT, State.ACKNOWLEDGED, "the meter accepts"),
    Transition(State.SENT, State.FAILED, "the meter refuses"),
    Transition(State.SENT, State.UNKNOWN, "no answer, or the sender died"),
    Transition(State.SENT, State.REJECTED, "held back by the permit: not one byte went out"),
    Transition(State.ACKNOWLEDGED, State.VERIFIED, "read back: as ordered"),
    Transition(State.ACKNOWLEDGED, State.CONTRADICTED, "read back: the opposite"),
    Transition(State.ACKNOWLEDGED, State.UNVERIFIABLE, "nothing tells"),
    Transition(State.UNKNOWN, State.VERIFIED, "read back: as ordered"),
    Transition(State.UNKNOWN, State.CONTRADICTED, "read back: what the meter shows cannot be"),
    Transition(State.UNKNOWN, State.FAILED, "read back after its expiry: nothing was done"),
    Transition(State.UNKNOWN, State.UNVERIFIABLE, "nothing tells"),
)

_AFTER: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {state: frozenset(t.after for t in TRANSITIONS if t.before is state) for state in State}
)
FINAL: Final = frozenset(state for state in State if not _AFTER[state])
UNSETTLED: Final = frozenset({State.SENT, State.ACKNOWLEDGED, State.UNKNOWN})
"""A frame may be under way, or the relay where nobody has looked."""


class NoTransition(HeadendError):
    """The table of transitions has no such step."""


class CommandKey(NamedTuple):
    """Names one command for ever: it acts once at most, whatever happens."""

    order: str
    meter: str


@dataclass(frozen=True, slots=True)
class Command:
    """`digest` is that of the order. `claim` names the one sender that wrote down `SENT`; empty before."""

    key: CommandKey
    digest: str
    state: State = State.DRAFT
    claim: str = ""

    def to(self, state: State) -> Command:
        """Raises `NoTransition`, also for `SENT`: that wants a claim."""
        if state is State.SENT:
            raise NoTransition("a command is sent by who claims it")
        return self._to(state)

    def claimed(self, claim: str) -> Command:
        """Sent, by `claim` and nobody else. Raises `NoTransition`."""
        if not claim:
            raise NoTransition("a claim has a name")
        return replace(self._to(State.SENT), claim=claim)

    def _to(self, state: State) -> Command:
        if state not in _AFTER[self.state]:
            raise NoTransition(f"{self.key.order} at {self.key.meter}: no way from {self.state} to {state}")
        return replace(self, state=state)
