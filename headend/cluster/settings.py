"""The configuration's table `[cluster]`, and what it means in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from headend.duration import seconds


class ClusterTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Several daemons that share the lines of one database. Without it a daemon polls every line there is."""

    enabled: bool = False
    ttl: str = "15s"
    renew: str = "3s"
    margin: str = "3s"

    @property
    def terms(self) -> Terms:
        return Terms(seconds(self.ttl), seconds(self.renew), seconds(self.margin))


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds. A lease ends `ttl` after a renewal; we are silent `margin` before that, and renew every `renew`."""

    ttl: float
    renew: float
    margin: float

    @property
    def patience(self) -> float:
        """How long the database may take: two of these fit between a renewal and its deadline."""
        return (self.ttl - self.margin) / 2


def problems(table: ClusterTable, *, is_served: bool, answer_s: float) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected).

    `is_served`: the database is a server of its own. `answer_s`: how long a meter's answer may take to begin.
    """
    found = []
    for key in ("ttl", "renew", "margin"):
        try:
            if not seconds(getattr(table, key)):
                found.append((key, f"{getattr(table, key)!r}, expected a duration above 0"))
        except ValueError as error:
            found.append((key, str(error)))
    if found or not table.enabled:
        return found
    terms = table.terms
    if not is_served:
        found.append(("enabled", "expected database.dsn: an embedded server cannot be shared"))
    if 2 * terms.renew + terms.margin > terms.ttl:
        found.append(("ttl", f"{table.ttl!r}, expected at least twice renew and margin: one renewal may fail"))
    if terms.margin < answer_s:
        found.append(
            ("margin", f"{table.margin!r}, expected at least {answer_s:g}s, response and latency of timing: what was "
             "asked last is to be answered before another daemon asks")
        )  # fmt: skip
    return found
