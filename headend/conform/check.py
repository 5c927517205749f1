"""What is checked, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from headend.conform.probe import Heard, Probe
from protocols.errors import CommunicationError, LinkError

B = TypeVar("B")


class Result(StrEnum):
    """`inconclusive`: what was seen proves neither."""

    PASS = "pass"  # noqa: S105 - a word of the report
    FAIL = "fail"
    NOT_SUPPORTED = "not supported"
    INCONCLUSIVE = "inconclusive"


class Verdict(NamedTuple):
    """A result and the reason, in words."""

    result: Result
    why: str = ""


def passed(why: str = "") -> Verdict:
    return Verdict(Result.PASS, why)


def failed(why: str) -> Verdict:
    return Verdict(Result.FAIL, why)


def lacking(why: str) -> Verdict:
    return Verdict(Result.NOT_SUPPORTED, why)


def unclear(why: str) -> Verdict:
    return Verdict(Result.INCONCLUSIVE, why)


@dataclass(frozen=True, slots=True)
class Check(Generic[B]):
    """One row of the table: `B` is the bench that it works at. `clause` is where the standard says so."""

    key: str
    title: str
    clause: str
    run: Callable[[B], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check, with all that was sent and heard for it."""

    key: str
    title: str
    clause: str
    result: Result
    why: str
    heard: tuple[Heard, ...]


async def perform(checks: Sequence[Check[B]], bench: B, probe: Probe, told: Callable[[Finding], None]) -> list[Finding]:
    """All of them, in order; `told` hears of each at once. Raises `LinkError` where the line itself went away."""
    found = []
    for check in checks:
        probe.heard.clear()
        try:
            verdict = await check.run(bench)
        except LinkError:
            raise
        except CommunicationError as error:
            verdict = failed(str(error))
        one = Finding(check.key, check.title, check.clause, verdict.result, verdict.why, tuple(probe.heard))
        told(one)
        found.append(one)
    return found
