"""Meter, branch and district outages told apart, against a truth that is known."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.outages import Branch, Conclusion, District, Evidence, conclude, restoration

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
T = NOW - 30 * MINUTE
SECOND = timedelta(seconds=1)


def district(*sizes: int, loose: int = 0, total: bool = True) -> District:
    """Branches a, b ... of so many meters: a1, a2 ..."""
    branches = tuple(
        Branch(letter, tuple(f"{letter}{n}" for n in range(1, size + 1)))
        for letter, size in zip("abcdef", sizes, strict=False)
    )
    return District("D", branches, tuple(f"x{n}" for n in range(1, loose + 1)), ("T",) if total else ())


def alive(line: str = "L") -> Evidence:
    return Evidence(line, answered=NOW)


def gasped(at: datetime = T, line: str = "L") -> Evidence:
    return Evidence(line, answered=at - 10 * MINUTE, last_gasp=at)


def silent(at: datetime = T, line: str = "L") -> Evidence:
    return Evidence(line, answered=at - 7 * MINUTE, silent_since=at + 3 * MINUTE)


def told(found: Conclusion) -> set[tuple[str, str]]:
    return {(outage.level, outage.place) for outage in found.outages}


def everything(of: District, but: dict[str, Evidence]) -> dict[str, Evidence]:
    return {name: alive() for name in of.members} | but


def test_all_is_well() -> None:
    of = district(3, 3)
    assert conclude(of, everything(of, {})) == Conclusion()


def test_one_meter() -> None:
    of = district(3, 3)
    (outage,) = conclude(of, everything(of, {"a2": gasped()})).outages
    assert (outage.level, outage.place, outage.start, outage.affected) == ("meter", "a2", T, ("a2",))
    assert outage.confidence > Decimal("0.9")


def test_a_branch_while_its_neighbour_lives() -> None:
    of = district(3, 3)
    dark = {f"a{n}": gasped(T + n * SECOND) for n in (1, 2, 3)}
    (outage,) = conclude(of, everything(of, dark)).outages
    assert (outage.level, outage.place, outage.dark, outage.proven) == ("branch", "a", ("a1", "a2", "a3"), 3)


def test_a_district_with_its_total_meter() -> None:
    of = district(3)
    assert told(conclude(of, {name: gasped() for name in of.members})) == {("district", "D")}


def test_all_branches_while_the_total_meter_lives_are_branches() -> None:
    of = district(2, 2)
    dark = {name: gasped() for name in of.members if name != "T"}
    assert told(conclude(of, everything(of, dark))) == {("branch", "a"), ("branch", "b")}


def test_silence_of_all_lines_is_a_district_outage_with_less_confidence() -> None:
    of = district(3, 3)
    lines = {name: "LT" if name == "T" else f"L{name[0]}" for name in of.members}
    (outage,) = conclude(of, {name: silent(line=line) for name, line in lines.items()}).outages
    proven = conclude(of, {name: gasped(line=line) for name, line in lines.items()}).outages[0]
    assert (outage.level, outage.proven) == ("district", 0)
    assert outage.not_before == T - 7 * MINUTE
    assert outage.confidence < proven.confidence


def test_a_line_that_cannot_be_opened_is_no_outage() -> None:
    of = district(4, 4)
    down = {f"a{n}": Evidence("DTU", answered=T, unreachable=NOW) for n in range(1, 5)}
    found = conclude(of, everything(of, down))
    assert found.outages == ()
    (fault,) = found.faults
    assert (fault.line, fault.reason, fault.meters) == ("DTU", "unreachable", ("a1", "a2", "a3", "a4"))


def test_a_gateway_that_is_silent_before_it_is_gone_is_no_outage() -> None:
    of = district(4, 4)
    down = {
        name: Evidence("DTU", answered=T, silent_since=T + MINUTE, unreachable=NOW) for name in of.members
    }  # the whole district behind one gateway
    found = conclude(of, down)
    assert (found.outages, [fault.reason for fault in found.faults]) == ((), ["unreachable"])


def test_a_silent_line_of_meters_of_two_branches_is_the_lines_fault() -> None:
    of = district(4, 4)
    cut = {name: silent(line="cut") for name in ("a1", "a2", "b1", "b2")}
    found = conclude(of, everything(of, cut))
    assert (found.outages, [(f.line, f.reason) for f in found.faults]) == ((), [("cut", "silent")])


def test_a_silent_line_that_holds_a_branch_and_more_is_the_lines_fault() -> None:
    of = district(3, 4)
    cut = {name: silent(line="cut") for name in ("a1", "a2", "a3", "b1")}
    found = conclude(of, everything(of, cut))
    assert (found.outages, [(f.line, f.reason) for f in found.faults]) == ((), [("cut", "silent")])


def test_an_outage_is_seen_through_a_dead_gateway() -> None:
    """One branch's gateway died with its supply; the other's meters gasped."""
    of = district(3, 3)
    evidence = {f"a{n}": Evidence("DTU", answered=T - MINUTE, unreachable=NOW) for n in (1, 2, 3)}
    evidence |= {name: gasped() for name in ("T", "b1", "b2", "b3")}
    (outage,) = conclude(of, evidence).outages
    assert (outage.level, outage.unknown) == ("district", ("a1", "a2", "a3"))


def test_two_meters_that_went_dark_hours_apart_are_two() -> None:
    of = district(6)
    evidence = {f"a{n}": Evidence("L", answered=NOW - 65 * MINUTE) for n in range(1, 7)}
    evidence |= {"a1": gasped(NOW - 180 * MINUTE), "a2": gasped(NOW - 60 * MINUTE), "T": alive()}
    assert told(conclude(of, evidence)) == {("meter", "a1"), ("meter", "a2")}


def test_an_outage_within_an_outage_is_kept_apart() -> None:
    of = district(3, 3)
    before = {f"a{n}": gasped(T - 120 * MINUTE) for n in (1, 2, 3)}
    (outage,) = conclude(of, {name: gasped() for name in of.members} | before).outages
    assert (outage.level, outage.start, len(outage.dark)) == ("district", T, 7)
    assert [(o.level, o.place, o.start) for o in outage.nested] == [("branch", "a", T - 120 * MINUTE)]


def test_a_meter_that_answers_without_voltage_is_dark() -> None:
    of = district(3, 3)
    battery = Evidence("L", answered=NOW, voltage=Decimal("0.0"))
    assert told(conclude(of, everything(of, {"a1": battery}))) == {("meter", "a1")}


def test_restored_by_what_meters_say() -> None:
    of = district(3, 3)
    evidence = {name: gasped() for name in of.members}
    (outage,) = conclude(of, evidence).outages
    none = restoration(outage, of, evidence)
    assert (none.share, none.is_over) == (Decimal(0), False)
    back = evidence | {name: replace(gasped(), answered=NOW) for name in ("T", "b1", "b2", "b3")}
    part = restoration(outage, of, back)
    assert (part.is_over, part.since) == (False, NOW)
    assert [(o.level, o.place) for o in part.remaining] == [("branch", "a")]
    word = back | {f"a{n}": replace(gasped(), restored=NOW - MINUTE) for n in (1, 2, 3)}
    whole = restoration(outage, of, word)
    assert (whole.is_over, whole.share, whole.remaining, whole.since) == (True, Decimal(1), (), NOW - MINUTE)


def test_silence_about_the_rest_restores_nothing() -> None:
    of = district(3, 3)
    (outage,) = conclude(of, {name: gasped() for name in of.members}).outages
    unheard = {name: Evidence("L", answered=T - MINUTE, unreachable=NOW) for name in of.members}
    assert restoration(outage, of, unheard).is_over is False


# -- random plants with a known truth ---------------------------------------------------------------------------------

SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=4)
SEEDS = st.integers(0, 2**32)


@given(SIZES, st.integers(0, 3), SEEDS)
def test_complete_evidence_gives_the_right_levels(sizes: list[int], loose: int, seed: int) -> None:
    """Each cause strikes at a time of its own; meters gasp within seconds of it; whoever lives answers now."""
    drawn = random.Random(seed)
    of = district(*sizes, loose=loose)
    dark: dict[str, datetime] = {}
    expected: set[tuple[str, str]] = set()
    cause = drawn.choice(["district", "branches", "meters", "mixed"])

    def strike(level: str, place: str, meters: tuple[str, ...]) -> None:
        at = T - 20 * MINUTE * len(expected)
        dark.update({name: at + drawn.randint(0, 20) * SECOND for name in meters})
        expected.add((level if len(meters) > 1 else "meter", place if len(meters) > 1 else meters[0]))

    if cause == "district":
        strike("district", "D", of.members)
    if cause in ("branches", "mixed"):
        for branch in drawn.sample(of.branches, drawn.randint(1, len(of.branches))):
            strike("branch", branch.name, branch.meters)
    if cause in ("meters", "mixed"):
        left = [name for name in of.members if name not in dark and name != "T"]
        for name in drawn.sample(left, min(len(left), 3)):
            strike("meter", name, (name,))
    evidence = {name: gasped(dark[name]) if name in dark else alive() for name in of.members}
    found = conclude(of, evidence)
    assert told(found) == expected
    assert {name for outage in found.outages for name in outage.affected} == set(dark)
    assert all(outage.start == min(dark[name] for name in outage.dark) for outage in found.outages)


def noise(drawn: random.Random, name: str) -> Evidence | None:
    """Anything that a meter may have done, in any order, or nothing known of it."""
    line = f"L{drawn.randint(1, 3)}"

    def some(share: float) -> datetime | None:
        return NOW - drawn.randint(0, 3600) * SECOND if drawn.random() < share else None

    if drawn.random() < 0.2:
        return None
    voltage = drawn.choice([None, None, Decimal(230), Decimal(3)])
    return Evidence(line, some(0.8), some(0.4), some(0.3), some(0.1), voltage, some(0.2))


@given(SIZES, st.integers(0, 3), st.booleans(), SEEDS)
def test_whatever_is_said_nothing_more_is_claimed_than_is_shown(
    sizes: list[int], loose: int, total: bool, seed: int
) -> None:
    drawn = random.Random(seed)
    of = district(*sizes, loose=loose, total=total)
    evidence = {name: said for name in of.members if (said := noise(drawn, name)) is not None}
    found = conclude(of, evidence)
    shown = [name for outage in found.outages for name in outage.affected]
    assert len(shown) == len(set(shown)), "a meter is in one outage"
    for outage in found.outages:
        assert outage.dark
        assert 0 < outage.confidence < 1
        if outage.level != "meter":
            fresh = [name for name in outage.dark if name in evidence]
            assert len(fresh) > 1, "never from one meter alone"
        for name in outage.unknown:
            answered = evidence[name].answered if name in evidence else None
            lit = evidence[name].voltage if name in evidence else None
            if answered is not None and (lit is None or lit > 50):
                assert answered <= outage.start + MINUTE, "whoever answers since is not in it"


@given(SIZES, SEEDS, st.integers(0, 5))
def test_one_dark_meter_never_makes_a_district(sizes: list[int], seed: int, known: int) -> None:
    drawn = random.Random(seed)
    of = district(*sizes, total=bool(seed % 2))
    one = drawn.choice(of.members)
    others = [name for name in of.members if name != one]
    stale = {name: Evidence("L", answered=T - 5 * MINUTE) for name in drawn.sample(others, min(known, len(others)))}
    for said in (gasped(), silent()):
        assert told(conclude(of, stale | {one: said})) <= {("meter", one)}


@given(SIZES, SEEDS)
def test_the_order_of_evidence_does_not_matter(sizes: list[int], seed: int) -> None:
    drawn = random.Random(seed)
    of = district(*sizes)
    held = [(name, said) for name in of.members if (said := noise(drawn, name)) is not None]
    first = conclude(of, dict(held))
    drawn.shuffle(held)
    assert conclude(of, dict(held)) == first


@pytest.mark.parametrize("size", [1, 2])
def test_a_district_of_one_or_two_meters(size: int) -> None:
    of = district(size, total=False)
    level = {1: {("meter", "a1")}, 2: {("branch", "a")}}[size]
    assert told(conclude(of, {name: gasped() for name in of.members})) == level
