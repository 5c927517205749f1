"""docs/safety.md says what the code does."""

from __future__ import annotations

from typing import Final

from headend.safety.command import State
from headend.safety.decision import RULES
from headend.safety.function import TRAITS, Effect
from headend.safety.oversight import PERSONS
from headend.safety.world import Step
from tests.project.tree import ROOT

TEXT: Final = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without its head."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_rules_are_those_of_the_code() -> None:
    told = [row[:5] for row in rows("Rules")]
    assert told == [
        [
            rule.id,
            rule.row,
            "every" if set(rule.steps) == set(Step) else ", ".join(rule.steps),
            "all" if set(rule.effects) == set(Effect) else ", ".join(rule.effects),
            rule.verdict,
        ]
        for rule in RULES
    ]


def test_the_functions_are_those_of_the_code() -> None:
    told = [(row[0], row[2], row[3]) for row in rows("Functions")]
    assert told == [(f"`{name}`", traits.effect, str(traits.approvals)) for name, traits in TRAITS.items()]


def test_changes_and_states_are_all_told() -> None:
    assert [int(row[1][0]) for row in rows("Changing the rules")] == list(PERSONS.values())
    assert [state for state in State if state not in TEXT] == []
