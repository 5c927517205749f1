"""Late data, corrections and edits: a version of its own each, and nothing billed changes unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from analytics.vee.errors import EditRefused, FrozenValues, ParametersFault
from analytics.vee.parameters import parse, shipped
from analytics.vee.run import run
from analytics.vee.validated import Edit, Source
from analytics.vee.versions import Kind, billed, edited, first, rerun
from tests.analytics.vee.frames import BERLIN, PLAIN, SHIPPED, days, full, holed

GRID = days(date(2026, 6, 1), 2)
WHOLE = full(GRID)
LATE = holed(WHOLE, (30, 31))
AT = datetime(2026, 6, 3, 9, tzinfo=UTC)


def an_edit(at: int = 30, steps: int = 42, user: str = "li", reason: str = "site visit") -> Edit:
    return Edit("m0", GRID.start(at), steps, user, reason, AT)


def test_a_rerun_on_late_data_is_a_new_version_and_the_old_one_stays() -> None:
    one = first(run(LATE, SHIPPED, PLAIN))
    before = one.values.steps.copy()
    better = replace(WHOLE, steps=np.where(np.arange(len(GRID)) == 30, 5000, WHOLE.steps))
    two = rerun(one, run(better, SHIPPED, PLAIN))
    assert (two.number, two.kind) == (2, Kind.RERUN)
    assert np.argwhere(two.changed).tolist() == [[0, 30]]
    assert two.values.steps[0, 30] == 5000
    assert (one.values.steps == before).all()
    assert rerun(two, run(better, SHIPPED, PLAIN)) is two


def test_what_was_billed_changes_by_a_correction_only() -> None:
    one = first(run(LATE, SHIPPED, PLAIN))
    cells = np.zeros(LATE.steps.shape, np.bool_)
    cells[0, :35] = True
    frozen = billed(one, cells)
    better = run(replace(WHOLE, steps=WHOLE.steps + (np.arange(len(GRID)) == 30) * 9), SHIPPED, PLAIN)
    with pytest.raises(FrozenValues, match="1 billed values would change, the first of m0 at 2026-06-01T22:00"):
        rerun(frozen, better)
    with pytest.raises(FrozenValues):
        rerun(frozen, better, correction="  ")
    two = rerun(frozen, better, correction="late reading of 2026-06-03")
    assert (two.kind, two.reason) == (Kind.CORRECTION, "late reading of 2026-06-03")
    assert two.frozen[0, 30]
    with pytest.raises(FrozenValues):
        edited(frozen, [an_edit()])
    free = billed(one, ~cells)
    assert rerun(free, better).kind is Kind.RERUN


def test_the_same_amount_with_a_better_source_touches_no_bill() -> None:
    one = billed(first(run(LATE, SHIPPED, PLAIN)), np.ones(LATE.steps.shape, np.bool_))
    assert one.values.steps[0, 30] == WHOLE.steps[0, 30]
    two = rerun(one, run(WHOLE, SHIPPED, PLAIN))
    assert (two.number, two.kind) == (2, Kind.RERUN)


def test_edits_keep_who_and_why_and_outlive_a_rerun() -> None:
    one = first(run(LATE, SHIPPED, PLAIN))
    two = edited(one, [an_edit()])
    found = two.values.value(0, 30)
    assert (found.source, found.rule, found.reason) == (Source.EDITED, "edit", "site visit")
    assert two.kind is Kind.EDIT
    assert two.values.edits[0].user == "li"
    assert one.values.source[0, 30] == Source.ESTIMATED
    three = rerun(two, run(WHOLE, SHIPPED, PLAIN))
    assert three.values.steps[0, 30] == 42
    assert three.values.raw.present[0, 30]
    later = replace(an_edit(steps=43), at=AT.replace(hour=10))
    assert edited(three, [later]).values.steps[0, 30] == 43


def test_edits_of_the_hour_that_comes_twice_are_two() -> None:
    on = days(date(2026, 10, 25), 1, BERLIN)
    one = first(run(full(on), SHIPPED, PLAIN))
    both = [
        Edit("m0", datetime(2026, 10, 25, 2, fold=fold, tzinfo=BERLIN), 7 + fold, "li", f"visit {fold}", AT)
        for fold in (0, 1)
    ]
    two = edited(one, both)
    assert two.values.steps[0, 2:4].tolist() == [7, 8]
    assert [two.values.value(0, at).reason for at in (2, 3)] == ["visit 0", "visit 1"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (an_edit(user=" "), "without a user or a reason"),
        (an_edit(reason=""), "without a user or a reason"),
        (an_edit(steps=-1), "counts one way"),
        (replace(an_edit(), name="other"), "none of the rows"),
        (replace(an_edit(), start=datetime(2026, 6, 1, 0, 10, tzinfo=UTC)), "begins no interval"),
        (an_edit(at=len(GRID)), "begins no interval"),
        (replace(an_edit(), at=datetime(2026, 6, 1)), "without zone"),  # noqa: DTZ001
    ],
)
def test_edits_that_say_too_little_are_refused(edit: Edit, says: str) -> None:
    with pytest.raises(EditRefused, match=says):
        edited(first(run(LATE, SHIPPED, PLAIN)), [edit])


def test_a_rerun_is_of_the_same_intervals() -> None:
    with pytest.raises(ValueError, match="the rows and intervals"):
        rerun(first(run(LATE, SHIPPED, PLAIN)), run(full(days(date(2026, 6, 2), 2)), SHIPPED, PLAIN))


def test_parameters_are_laid_over_the_shipped_ones() -> None:
    own = parse('version = "own-1"\n[checks.spike]\nexcess_percent = 200\n', "vee.toml")
    assert own.version == "own-1"
    assert own.checks.spike.excess_percent == 200
    assert own.checks.spike.action == shipped().checks.spike.action
    assert own.estimations == shipped().estimations
    assert run(LATE, own, PLAIN).value(0, 30).version == "own-1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[checks]", "version: missing"),
        ('version = ""', "version"),
        ('version = "a"\n[checks.spike]\nexces = 1', r"exces.*checks.spike"),
        ('version = "a"\n[checks.spike]\naction = "guess"', r"guess.*checks.spike.action"),
        ('version = "a"\n[checks.zero]\ndays = 0', r"checks.zero.days"),
        ("version = ", "vee.toml"),
    ],
)
def test_wrong_parameters_name_file_and_key(text: str, says: str) -> None:
    with pytest.raises(ParametersFault, match=says):
        parse(text, "vee.toml")
