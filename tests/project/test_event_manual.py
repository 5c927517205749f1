"""docs/events.md says what the tables say."""

from __future__ import annotations

import re

from analytics.events import RULES
from protocols.dlt645.events import BITS, LOGS
from protocols.events import KINDS
from tests.project.tree import ROOT

_MANUAL = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    section = _MANUAL.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_catalogue_holds_every_kind() -> None:
    told = [(row[0].strip("`"), *row[1:5], row[7]) for row in _rows("Catalogue")]
    assert told == [
        (k.code, k.name, k.name_zh, k.severity.name.lower(), str(k.category), str(k.cosem or ""))
        for k in KINDS.values()
    ]


def test_the_catalogue_says_where_a_kind_is_kept() -> None:
    kept: dict[str, list[str]] = {}
    for logs in LOGS.values():
        for log in logs:
            kept.setdefault(log.kind.code, []).append(f"{log.counter}, {log.records[0][0]}")
    assert {row[0].strip("`"): row[5].split("; ") for row in _rows("Catalogue") if row[5]} == kept
    assert {row[0].strip("`") for row in _rows("Catalogue") if row[6]} == {bit.kind.code for bit in BITS}


def test_the_rules_of_storms() -> None:
    told = [(scope, int(number), span) for scope, number, span in _rows("Storms")]
    minutes = {"15 min": 15, "1 h": 60}
    assert [(s, n, minutes[span]) for s, n, span in told] == [
        (rule.scope, rule.more_than, rule.window.total_seconds() / 60) for rule in RULES
    ]


def test_kinds_are_told_apart_in_both_languages() -> None:
    assert all(re.search(r"[一-鿿]", kind.name_zh) for kind in KINDS.values())
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in KINDS)
    plain = [kind.name for kind in KINDS.values()]
    assert len(plain) == len(set(plain))
