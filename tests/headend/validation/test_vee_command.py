"""`headend vee` on a database: run, look, edit, and what became of a day."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.validated import Freezing, Validated
from tests.headend.command import Headend
from tests.headend.validation.site import DAY, IMPORT, Site, energies, midnight

FIRST = date(2026, 3, 2)
STEPS = energies(2 * 96)
SPAN = ("--from", "2026-03-02", "--to", "2026-03-04")


@pytest.fixture
def week(site: Path, conninfo: str) -> Site:
    """Two days at p1, the second with a hole of two hours; p2 has none."""
    made = Site(conninfo, midnight(FIRST))

    async def fill() -> None:
        await made.build(2)
        await made.store(made.captures("m1", STEPS, missing=range(140, 148)))
        await made.store(made.captures("m2", STEPS))

    asyncio.run(fill())
    return made


def test_run_show_edit_history(headend: Headend, site: Path, week: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADEND_ACTOR", "Li")
    ran = headend("vee", "run", *SPAN, "--json", "--config", site)
    assert (ran.code, ran.err) == (0, "")
    assert ran.document == {"runs": [1], "first": 4, "changed": 0, "same": 0, "refused": []}
    shown = headend("vee", "show", "p1", *SPAN, "--json", "--config", site).documents
    assert len(shown) == 192
    assert sum(Decimal(one["value"]) for one in shown) == IMPORT.value(sum(STEPS))
    assert (shown[0]["source"], shown[0]["rule"], shown[0]["raw"]) == ("actual", "raw", shown[0]["value"])
    hole = shown[140]
    assert (hole["source"], hole["rule"], hole["reason"], hole["raw"]) == ("estimated", "register", "missing", None)
    assert (hole["version"], hole["run"], hole["parameters"], hole["failed"]) == (1, 1, "shipped-1", ["missing"])
    start = "2026-03-03T11:00:00+08:00"
    assert shown[140]["start"] == "2026-03-03T03:00:00+00:00"
    put = ("vee", "edit", "p1", "--start", start, "--value", "1.5", "--reason", "SITE", "--json", "--config", site)
    assert headend(*put).document["run"] == 2
    values = headend("vee", "show", "p1", *SPAN, "--json", "--config", site).documents
    assert (values[140]["value"], values[140]["source"], values[140]["reason"]) == ("1.5", "edited", "SITE")
    old = headend("vee", "show", "p1", *SPAN, "--as-of", "1", "--json", "--config", site).documents
    assert old == shown
    first = headend("vee", "show", "p1", *SPAN, "--version", "1", "--json", "--config", site).documents
    assert first == shown
    story = headend("vee", "history", "p1", "2026-03-03", "--json", "--config", site).documents
    assert [(one["version"], one["kind"], one["by"], one["reason"]) for one in story] == [
        (1, "first", "Li", ""), (2, "edit", "Li", "SITE"),
    ]  # fmt: skip
    assert story[1]["changed"] == 1
    assert Decimal(story[1]["difference"]) == Decimal("1.5") - Decimal(hole["value"])
    people = headend("vee", "show", "p1", *SPAN, "--config", site)
    assert "like_day" not in people.out
    assert "2026-03-03T11:00:00+08:00" in people.out
    assert "SITE" in headend("vee", "history", "p1", "2026-03-03", "--config", site).out


def test_billed_days_are_refused_with_what_would_change(
    headend: Headend, site: Path, week: Site, conninfo: str
) -> None:
    headend("vee", "run", *SPAN, "--config", site)

    async def bill_and_late() -> None:
        async with Validated(conninfo) as validated:
            frozen = Freezing(
                point=week.points["p1"], quantity=IMPORT, since=FIRST, until=FIRST + 2 * DAY, bill=7, as_of=1
            )
            await validated.freeze(frozen)
        steps = [*STEPS[:140], STEPS[140] + 4, STEPS[141] - 4, *STEPS[142:]]
        await week.store(week.captures("m1", steps)[140:148])

    asyncio.run(bill_and_late())
    ran = headend("vee", "run", *SPAN, "--json", "--config", site)
    assert ran.code == 1
    assert ran.document["refused"] == [{"point": "p1", "quantity": "active_energy_import", "day": "2026-03-03"}]
    assert "correct them with --reason" in ran.document["error"]["message"]
    put = ("vee", "edit", "p1", "--start", "2026-03-02T00:00:00+08:00", "--value", "1", "--reason", "SITE")
    assert headend(*put, "--config", site).code == 1
    corrected = headend("vee", "run", *SPAN, "--reason", "read late", "--json", "--config", site)
    assert (corrected.code, corrected.document["changed"]) == (0, 1)


def test_findings_are_told_by_check(headend: Headend, site: Path, week: Site) -> None:
    asyncio.run(week.store(week.captures("m2", [*STEPS, 900_000, *energies(95)])[192:]))
    ran = headend("vee", "run", "--from", "2026-03-02", "--to", "2026-03-05", "--config", site)
    assert "first" in ran.out
    span = ("--from", "2026-03-01", "--to", "2026-03-06")
    found = headend("vee", "findings", *span, "--json", "--config", site).documents
    assert {(one["point"], one["check"], one["action"]) for one in found} >= {
        ("p2", "spike", "review"), ("p1", "long_gap", "review"),
    }  # fmt: skip
    (spike,) = [one for one in found if one["check"] == "spike"]
    assert (spike["start"], spike["intervals"]) == ("2026-03-03T16:00:00+00:00", 1)
    estimates = headend(
        "vee", "findings", *span, "--check", "missing", "--action", "estimate", "--point", "p1", "--json",
        "--config", site,
    ).documents  # fmt: skip
    assert sum(one["intervals"] for one in estimates) == 9 + 96
    assert headend("vee", "findings", *span, "--check", "nothing", "--config", site).code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--from", "2026-03-04", "--to", "2026-03-04"), "is not before"),
        (("run", "--from", "yesterday", "--to", "2026-03-04"), "expected a day"),
        (("run", *SPAN, "--point", "nowhere"), "no usage point named 'nowhere'"),
        (("edit", "p1", "--start", "2026-03-02", "--value", "x", "--reason", "A"), "expected a number"),
        (("edit", "p1", "--start", "2026-03-02", "--value", "-1", "--reason", "A"), "counts one way"),
        (("edit", "p1", "--start", "2026-03-02", "--value", "0.00001", "--reason", "A"), "4 decimals"),
        (("edit", "p1", "--start", "2026-03-02", "--value", "1", "--reason", " "), "--reason"),
        (("edit", "p1", "--start", "2026-03-02", "--value", "1", "--reason", "A"), "no interval that was validated"),
    ],
)
def test_what_cannot_be_done_is_said(
    headend: Headend, site: Path, week: Site, words: tuple[str, ...], says: str
) -> None:
    ran = headend("vee", *words, "--config", site)
    assert ran.code in (1, 2)
    assert says in ran.err
