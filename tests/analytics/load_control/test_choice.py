"""Who is called: enough, fairly over time, and nobody who must not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.load_control.choice import Call, Candidate, choose, rotate
from analytics.load_control.programme import Kind, Programme, ProgrammeFault

START = datetime(2026, 7, 14, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECT = Programme("peak", Kind.DIRECT, calls_per_day=1, calls_per_month=10)
ORDERLY = Programme("turns", Kind.ORDERLY, round=HOUR / 2, rest=HOUR, calls_per_day=4)


def people(count: int, watts: int = 2000) -> list[Candidate]:
    return [Candidate(f"p{n:03}", f"m{n:03}", "north", watts) for n in range(count)]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40), st.integers(1, 60_000))
def test_enough_is_called_and_not_one_more(loads: list[int], needed: int) -> None:
    candidates = [replace(c, available_w=w) for c, w in zip(people(len(loads)), loads, strict=True)]
    choice = choose(candidates, needed, DIRECT, START, START + HOUR, "e1")
    assert choice.available_w + choice.missing_w >= needed
    if choice.members:
        assert choice.available_w - (choice.members[-1].available_w or 0) < needed
    assert choice.missing_w == 0 or len(choice.members) == len(loads)
    assert {m.point for m in choice.members} | choice.left_out.keys() == {c.point for c in candidates}


def test_the_order_of_the_list_does_not_matter_and_the_event_does() -> None:
    def called(candidates: list[Candidate], event: str) -> list[str]:
        return [m.point for m in choose(candidates, 10_000, DIRECT, START, START + HOUR, event).members]

    assert called(people(50), "e1") == called(people(50)[::-1], "e1")
    assert called(people(50), "e1") != called(people(50), "e2")


def test_over_many_events_everybody_has_his_share() -> None:
    candidates = {c.point: c for c in people(40)}
    counts: Counter[str] = Counter()
    for day in range(60):
        start = START + timedelta(days=day)
        for member in choose(candidates.values(), 10_000, DIRECT, start, start + HOUR, f"e{day}").members:
            counts[member.point] += 1
            candidates[member.point] = replace(member, calls=(*member.calls, Call(start, start + HOUR)))
    assert sum(counts.values()) == 300
    assert max(counts.values()) - min(counts[point] for point in candidates) <= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"excluded": "protected: life support"}, "protected: life support"),
        ({"available_w": None}, "its load is not known"),
        ({"available_w": 0}, "it draws nothing at that time"),
        ({"calls": (Call(START - HOUR / 2, START + HOUR / 2),)}, "called at that time already"),
        ({"calls": (Call(START - 3 * HOUR, START - 2 * HOUR),)}, "called often enough within a day"),
        ({"area": "south"}, "not in an area of the programme"),
    ],
)
def test_who_is_left_out_and_why(change: dict[str, object], why: str) -> None:
    odd = replace(people(1)[0], **change)  # type: ignore[arg-type]
    programme = replace(DIRECT, areas=("north",))
    choice = choose([odd, people(2)[1]], 3000, programme, START, START + HOUR, "e1")
    assert [m.point for m in choice.members] == ["p001"]
    assert choice.left_out == {"p000": why}
    assert choice.missing_w == 1000


def test_rounds_take_turns_and_rest() -> None:
    rounds = rotate(people(30), 10_000, ORDERLY, START, START + 3 * HOUR, "e1")
    assert [(r.start, r.end) for r in rounds] == [(START + n * HOUR / 2, START + (n + 1) * HOUR / 2) for n in range(6)]
    assert all(r.choice.missing_w == 0 for r in rounds)
    off = Counter(member.point for r in rounds for member in r.choice.members)
    assert set(off.values()) == {1}, "thirty of five a round, six rounds: each once"


def test_when_rounds_run_out_of_people_it_is_told() -> None:
    rounds = rotate(people(8), 10_000, ORDERLY, START, START + 2 * HOUR, "e1")
    assert [r.choice.missing_w for r in rounds] == [0, 4000, 10_000, 0]


def test_calls_that_no_programme_allows() -> None:
    with pytest.raises(ProgrammeFault, match="longer than"):
        choose(people(1), 1, DIRECT, START, START + 3 * HOUR, "e1")
    with pytest.raises(ProgrammeFault, match="has no rounds"):
        rotate(people(1), 1, DIRECT, START, START + HOUR, "e1")
    with pytest.raises(ProgrammeFault, match="more than nothing"):
        choose(people(1), 0, DIRECT, START, START + HOUR, "e1")
