"""Batches for billing systems as they are stored, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEntry:
    """`request`, `content`, `difference`: anything that JSON holds. `manifest`: the file's text."""

    sequence: int
    name: str
    subject: bytes
    digest: bytes
    format: str
    what: str
    start: datetime
    end: datetime
    as_of: int
    request: Mapping[str, Any]
    content: Mapping[str, Any]
    manifest: str
    actor: str
    created: datetime
    supersedes: str | None = None
    reason: str = ""
    difference: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch(BatchEntry):
    """`completeness`: the report, as JSON."""

    completeness: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch(BatchEntry):
    """Its completeness is asked for by itself."""

    superseded_by: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """Validated days of a point and quantity, both by id. `run`: the last one; `has_value`: an interval has one."""

    point: int
    quantity: int
    run: int
    has_value: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """To bring a batch to a target. `done`: it lies there whole."""

    target: str
    destination: str
    actor: str
    started: datetime
    finished: datetime
    done: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said. `findings`: differences between its counts and totals and those of the manifest."""

    kind: str
    actor: str
    at: datetime
    document: Mapping[str, Any]
    findings: Sequence[str]


class BatchStatus(StrEnum):
    MADE = "made"
    RELEASED = "released"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    DIFFERS = "differs"
    """Acknowledged, with counts or totals other than ours."""
    REFUSED = "refused"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """`total`: of the completeness report. `targets`: where it lies."""

    sequence: int
    name: str
    format: str
    what: str
    start: datetime
    end: datetime
    as_of: int
    total: Mapping[str, Any]
    actor: str
    created: datetime
    supersedes: str | None
    reason: str
    superseded_by: str | None
    released_by: str | None
    released: datetime | None
    note: str | None
    targets: Sequence[str]
    answer: str | None
    findings: Sequence[str]

    @property
    def status(self) -> BatchStatus:
        """The furthest that it came; what a receiver refused may be superseded, then that."""
        if self.superseded_by is not None:
            return BatchStatus.SUPERSEDED
        if self.answer == "nack":
            return BatchStatus.REFUSED
        if self.answer == "ack":
            return BatchStatus.DIFFERS if self.findings else BatchStatus.ACKNOWLEDGED
        if self.targets:
            return BatchStatus.DELIVERED
        return BatchStatus.MADE if self.released is None else BatchStatus.RELEASED
