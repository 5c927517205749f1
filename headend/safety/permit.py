"""The permit for one frame that does what was ordered, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from headend.safety.decision import Decision, decide
from headend.safety.meaning import Wire
from headend.safety.request import Request
from headend.safety.world import Step, World
from protocols.errors import NotPermitted
from protocols.exchange import Ask


class Refused(NotPermitted):
    """The core said no; `decision` holds all reasons."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("; ".join(str(reason) for reason in decision.reasons))
        self.decision = decision


@dataclass(slots=True)
class Claim:
    """One attempt to send one command, under a name that no other attempt ever has. It is written down with the command
    before it is spent on a permit."""

    name: str
    spent: bool = field(default=False, init=False)


@dataclass(slots=True)
class OneFrame:
    """A `Permit`: asked once, it lets through the frame of `request` or nothing, and then nothing ever.

    `look` tells what is known at that very moment; `monotonic` is read against `deadline`, both in seconds of one clock
    that nobody sets. Made by `permit_for` alone.
    """

    request: Request
    wire: Wire
    zone: ZoneInfo
    deadline: float
    monotonic: Callable[[], float]
    look: Callable[[], World]
    used: bool = field(default=False, init=False)

    def __call__(self, ask: Ask[Any]) -> None:
        """Raises `NotPermitted`."""
        if self.used:
            raise NotPermitted("a permit is for one frame, and was used")
        self.used = True
        if self.monotonic() >= self.deadline:
            raise NotPermitted("the permit is over: the line was not free in time")
        if ask.repeatable or not ask.acts:
            raise NotPermitted("a switch is never repeated: the request says that it may be")
        target = self.request.order.by_meter[self.request.meter]
        self.wire.check(ask.data, self.request.order, target, self.zone)
        _decided(self.request, self.look())
        if self.monotonic() >= self.deadline:
            raise NotPermitted("the permit is over: the last look took too long")


def permit_for(
    request: Request,
    claim: Claim,
    wire: Wire,
    *,
    deadline: float,
    monotonic: Callable[[], float],
    look: Callable[[], World],
) -> OneFrame:
    """For a command that is written down as sent by `claim`, which is spent. Raises `Refused`, and `NotPermitted` for
    what is no such request."""
    if claim.spent or not claim.name or request.step is not Step.SEND:
        raise NotPermitted(
            "a permit is for a command that somebody has claimed to send, and each claim is good for one"
        )
    claim.spent = True
    request = replace(request, claim=claim.name)
    world = look()
    _decided(request, world)
    area = request.order.by_meter[request.meter].area
    zone = (world.zones or {}).get(area)
    if zone is None:
        raise NotPermitted(f"no zone known of area {area}")
    return OneFrame(request, wire, zone, deadline, monotonic, look)


def _decided(request: Request, world: World) -> None:
    decision = decide(request, world)
    if not decision.allowed:
        raise Refused(decision)
