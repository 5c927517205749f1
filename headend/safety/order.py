"""An order, whom it meets, and the approvals that are bound to exactly that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from headend.safety.function import TRAITS, Function, ReasonCode, Source, Traits


def aware(*times: datetime | None) -> None:
    """Raises `ValueError` for a time without a zone."""
    if any(time is not None and time.utcoffset() is None for time in times):
        raise ValueError("a time without a zone")


@dataclass(frozen=True, slots=True)
class Target:
    """A meter as the registry had it when the order was drawn up. `load_w`: estimated; None is not known."""

    meter: str
    address: str
    line: str
    point: str
    area: str
    feeder: str = ""
    label: str = ""
    load_w: int | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """What must still be so when the frame goes out."""
        return (self.meter, self.address, self.line, self.point, self.area, self.feeder)


@dataclass(frozen=True)
class Order:
    """One decision of people, for one meter or for many. Raises `ValueError` for a time without a zone.

    `notice` refers to the notice or the law it rests on. `parameters` hold no secrets.
    """

    key: str
    """The idempotency key."""
    function: Function
    targets: tuple[Target, ...]
    reason: ReasonCode | None
    requester: str
    notice: str
    not_before: datetime | None
    expires: datetime | None
    source: Source = Source.PERSON
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        aware(self.not_before, self.expires)

    @property
    def traits(self) -> Traits:
        return TRAITS[self.function]

    @cached_property
    def by_meter(self) -> Mapping[str, Target]:
        return {target.meter: target for target in self.targets}

    @cached_property
    def areas(self) -> frozenset[str]:
        return frozenset(target.area for target in self.targets)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical form: JSON, keys and targets sorted, times in UTC."""
        form = {
            "form": "headend order 1",
            "key": self.key,
            "function": self.function.value,
            "parameters": sorted(self.parameters),
            "targets": sorted([*t.identity, t.label, "" if t.load_w is None else str(t.load_w)] for t in self.targets),
            "reason": None if self.reason is None else self.reason.value,
            "requester": self.requester,
            "source": self.source.value,
            "notice": self.notice,
            "not_before": _utc(self.not_before),
            "expires": _utc(self.expires),
        }
        return sha256(form)


def _utc(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def sha256(form: object) -> str:
    """Of the canonical JSON of `form`."""
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def binding(order: Order, policy_version: str) -> str:
    """What an approval is given to: this order, under this policy."""
    return sha256({"form": "headend approval 1", "order": order.digest, "policy": policy_version})


@dataclass(frozen=True, slots=True)
class Approval:
    """`bound` is what `binding` gave for that which the approver saw. `over_caps`: it is meant to go beyond a cap."""

    by: str
    bound: str
    at: datetime
    expires: datetime
    over_caps: bool = False

    def __post_init__(self) -> None:
        aware(self.at, self.expires)
