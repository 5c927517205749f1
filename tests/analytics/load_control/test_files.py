"""Programmes and events as data: what is wrong is told with its key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from analytics.load_control.event import check
from analytics.load_control.event import parse as events
from analytics.load_control.programme import Kind, ProgrammeFault, load, parse

GOOD = """\
name = "peak"
kind = "direct"
areas = ["TR01"]
share = "0.8"
longest = "90m"
notice = "1h"
price = "1.2"
"""
EVENT = """\
[[event]]
id = "e1"
programme = "peak"
start = 2026-07-14T14:00:00+08:00
end = 2026-07-14T15:00:00+08:00
kw = "15"
"""
EARLY = datetime(2026, 7, 14, 4, tzinfo=UTC)


def test_a_programme(tmp_path: Path) -> None:
    path = tmp_path / "peak.toml"
    path.write_text(GOOD)
    made = load(path)
    assert (made.kind, made.share, made.longest, made.price) == (
        Kind.DIRECT, Decimal("0.8"), timedelta(minutes=90), Decimal("1.2"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('kind = "direct"', "name"),
        (GOOD + "colour = 1", "colour"),
        (GOOD.replace("direct", "directly"), "kind: 'directly', expected one of"),
        (GOOD.replace('"0.8"', '"0"'), "share"),
        (GOOD.replace('"0.8"', '"much"'), "share: 'much', expected a number"),
        (GOOD.replace("90m", "90"), "longest: '90', expected a span"),
        (GOOD + 'round = "2h"', "round: expected at most longest"),
        (GOOD.replace("direct", "orderly"), "goes by rounds"),
        (GOOD.replace("direct", "cost"), "cut_at"),
        (GOOD.replace("direct", "cost") + 'cut_at = "0"\nwarn_at = "-1"', "warn_at: expected above cut_at"),
        ("name = ", "Invalid value"),
    ],
)
def test_a_programme_that_means_nothing(text: str, problem: str) -> None:
    with pytest.raises(ProgrammeFault, match=problem):
        parse(text)


def test_an_event_in_both_spellings() -> None:
    (one,) = events(EVENT, "file")
    (other,) = events(
        '{"event": [{"id": "e1", "programme": "peak", "start": "2026-07-14T14:00:00+08:00",'
        ' "end": "2026-07-14T15:00:00+08:00", "kw": "15"}]}',
        "file",
    )
    assert one == other
    assert one.needed_w == 15_000
    check(one, parse(GOOD), EARLY, {"TR01"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (EVENT.replace("+08:00", ""), "need an offset"),
        (EVENT.replace('"15"', '"0"'), "kw: '0'"),
        (EVENT.replace("T15:", "T13:"), "ends before it begins"),
        (EVENT.replace('"e1"', '"e 1"'), "id, expected"),
        (EVENT + EVENT, "stands there twice"),
        ("{", "file:"),
    ],
)
def test_an_event_that_means_nothing(text: str, problem: str) -> None:
    with pytest.raises(ProgrammeFault, match=problem):
        events(text, "file")


@pytest.mark.parametrize(
    ("text", "now", "areas", "problem"),
    [
        (EVENT, EARLY + timedelta(hours=2), {"TR01"}, "of notice"),
        (EVENT.replace("peak", "other"), EARLY, {"TR01"}, "is of programme 'other'"),
        (EVENT.replace("T15:", "T16:"), EARLY, {"TR01"}, "lasts longer"),
        (EVENT, EARLY, {"TR02"}, "there is no area 'TR01'"),
    ],
)
def test_an_event_that_may_not_be_proposed(text: str, now: datetime, areas: set[str], problem: str) -> None:
    (event,) = events(text, "file")
    with pytest.raises(ProgrammeFault, match=problem):
        check(event, parse(GOOD), now, areas)
