"""Changes of the rules themselves: stops, caps, the protection list. One person may make it safer, two the reverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from headend.safety.decision import Decision, Reason
from headend.safety.order import Approval, sha256
from headend.safety.request import Missing, known, time_of
from headend.safety.world import Oversight, World

PERSONS: Final[Mapping[Oversight, int]] = MappingProxyType(
    {Oversight.STOP: 1, Oversight.RELEASE_STOP: 2, Oversight.CAPS: 2, Oversight.UNLIST: 2}
)
"""Who asks is one of them."""


@dataclass(frozen=True, slots=True)
class Change:
    """`what` says all of it: the area, the caps, the entry, in their canonical text."""

    kind: Oversight
    what: str
    by: str
    approvals: tuple[Approval, ...] = ()

    @property
    def bound(self) -> str:
        return sha256({"form": "headend change 1", "kind": self.kind.value, "what": self.what, "by": self.by})


def decide_change(change: Change, world: World) -> Decision:
    """A stop needs nothing but who asks and that he may: it goes through with a doubtful clock and no policy."""
    reasons: list[Reason] = []
    try:
        reasons += _against(change, world)
    except Missing as missing:
        reasons.append(Reason("oversight", "S3", str(missing)))
    return Decision(tuple(reasons), change.bound)


def _against(change: Change, world: World) -> Iterator[Reason]:
    row = "S12" if change.kind in (Oversight.STOP, Oversight.RELEASE_STOP) else "S3"
    users = known(world.users, "the users")
    user = users.get(change.by)
    if user is None or change.kind not in user.oversight:
        yield Reason("oversight", row, f"{change.by!r} may not do this: {change.kind}")
    if change.kind is Oversight.STOP:
        return
    if user is None or not user.is_person:
        yield Reason("oversight", row, f"{change.by!r} is no person")
    trust = known(world.clock, "whether this machine's clock is right")
    if not trust.trusted:
        yield Reason("oversight", "S17", f"this machine's clock is doubtful: {trust.why}")
    now = time_of(world)
    good = {
        approval.by
        for approval in change.approvals
        if approval.bound == change.bound and approval.by != change.by and approval.at <= now < approval.expires
        if (other := users.get(approval.by)) is not None and other.is_person and change.kind in other.oversight
    }
    want = PERSONS[change.kind]
    if 1 + len(good) < want:
        yield Reason("oversight", row, f"{1 + len(good)} of {want} persons are for exactly this, now")
