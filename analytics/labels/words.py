"""What labels are given from, and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Outage:
    """A customer without supply in [start, end); `end` None: still. Times carry a zone."""

    name: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of a customer from `valid_from` until just before `expires`, by which rule, and on what.

    `value` is a word or a plain number; `evidence` has figures as texts. A hint from loads, unless the evidence says
    that it is registered or measured.
    """

    name: str
    label: str
    value: str
    rule: str
    version: str
    evidence: Mapping[str, str]
    valid_from: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Labelled:
    """`judged`: of whom enough is known, by label; what they had of it before holds no more. `notes`: what was odd."""

    labels: tuple[Label, ...]
    judged: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
