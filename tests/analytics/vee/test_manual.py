"""docs/vee.md says of every check what the code and the shipped parameters say."""

from __future__ import annotations

import re

from analytics.vee.checks import PROLONGED, TABLE
from analytics.vee.parameters import shipped
from analytics.vee.validated import Method, Source
from tests.project.tree import ROOT

PAGE = (ROOT / "docs" / "vee.md").read_text(encoding="utf-8")


def row(name: str, scope: str, says: str) -> str:
    rule = getattr(shipped().checks, name)
    parameters = [f"`{key}` {getattr(rule, key):,}" for key in rule.__struct_fields__ if key != "action"]
    return f"| `{name}` | {scope} | {rule.action} | {says} | {', '.join(parameters) or '-'} |"


def section(heading: str) -> str:
    return re.split(r"^## ", PAGE, flags=re.MULTILINE)[
        [part.splitlines()[0] for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)].index(heading)
    ]


def test_the_table_of_checks_is_that_of_the_code() -> None:
    wanted = [row(check.name, check.scope, check.says) for check in TABLE]
    wanted.append(row(PROLONGED, "day", "values that are not the meter's for many days"))
    assert re.findall(r"^\| `.*$", section("Checks"), re.MULTILINE) == wanted


def test_every_source_and_every_rule_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)`", section("Values"), re.MULTILINE))
    assert told == {source.name.lower() for source in Source}
    told = set(re.findall(r"^\| `(\w+)`", section("Estimation"), re.MULTILINE))
    assert told == {method.name.lower() for method in Method} - {"none", "raw"}


def test_the_parameters_of_estimation_are_those_that_are_shipped() -> None:
    rules = shipped().estimations
    text = section("Estimation")
    assert f"`linear.minutes` {rules.linear.minutes}" in text
    for key in rules.like_day.__struct_fields__:
        assert f"`like_day.{key}` {getattr(rules.like_day, key)}" in text
